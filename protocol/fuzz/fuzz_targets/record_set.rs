//! Record sets of all formats.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    thalweg_protocol_fuzz::record_set(data);
});
