//! A pure-Rust Kafka client: consumer, producer, transactions, groups, admin.
