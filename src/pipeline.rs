//! From a receipt to its outcome: adapter, route, script, format, in that order, no IO.
