//! A real Apache Kafka for tests, from its published jars or a container.
