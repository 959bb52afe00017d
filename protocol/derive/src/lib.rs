//! The derive macro behind thalweg-protocol's messages.
