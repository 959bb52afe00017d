//! A message of any API and version.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| thalweg_protocol_fuzz::message(data));
