//! One file for each noun: it asks the server and says what was answered.

pub(super) mod approvals;
pub(super) mod audit;
pub(super) mod automations;
pub(super) mod backup;
pub(super) mod chat;
pub(super) mod config;
pub(super) mod contract;
pub(super) mod demo;
pub(super) mod doctor;
pub(super) mod engines;
pub(super) mod erase;
pub(super) mod folders;
pub(super) mod health;
mod import;
pub(super) mod inbox;
pub(super) mod providers;
mod render;
pub(super) mod runs;
pub(super) mod secrets;
pub(super) mod settings;
mod shadow;
pub(super) mod stop;
pub(super) mod store;
pub(super) mod tools;
pub(super) mod trial;
pub(super) mod usage;
mod wait;
