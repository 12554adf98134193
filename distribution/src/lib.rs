//! Events as clients see them: by REST and WebSocket, from the updates topics, Redis and MySQL.

mod backlog;
pub mod cell;
mod clock;
pub mod config;
mod descriptions;
pub mod filter;
pub mod frame;
mod heartbeats;
mod hub;
pub mod image;
mod live;
mod lock;
mod metrics;
mod outbox;
mod producers;
mod protocol;
mod rest;
pub mod run;
pub mod session;
mod sessions;
mod socket;
mod store;
mod updates;
