//! Streams of the four codecs.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    thalweg_protocol_fuzz::compressed(data);
});
