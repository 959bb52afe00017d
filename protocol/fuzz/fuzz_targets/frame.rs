//! A stream of bytes as a client or a broker receives it.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| thalweg_protocol_fuzz::frame(data));
