//! The one integration binary.

mod sqlite;
mod store_suite;
