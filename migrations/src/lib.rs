//! The schema of the store, as migrations that are only ever appended.
//!
//! This crate knows tables and columns; what they mean is known by `runtime/src/store`.

mod columns;
mod m0001_spine;
mod m0002_whole_runs;
mod m0003_approvals;
mod m0004_keeping;
mod m0005_active_server;
mod m0006_engines;
mod m0007_models;
mod m0008_trials;
mod m0009_chat;
mod m0010_shadow;
mod m0011_repairs;
mod m0012_notifications;
mod m0013_goldens;
mod m0014_incidents;

use sea_orm_migration::prelude::*;

/// Every migration, oldest first.
#[derive(Debug)]
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m0001_spine::Migration),
            Box::new(m0002_whole_runs::Migration),
            Box::new(m0003_approvals::Migration),
            Box::new(m0004_keeping::Migration),
            Box::new(m0005_active_server::Migration),
            Box::new(m0006_engines::Migration),
            Box::new(m0007_models::Migration),
            Box::new(m0008_trials::Migration),
            Box::new(m0009_chat::Migration),
            Box::new(m0010_shadow::Migration),
            Box::new(m0011_repairs::Migration),
            Box::new(m0012_notifications::Migration),
            Box::new(m0013_goldens::Migration),
            Box::new(m0014_incidents::Migration),
        ]
    }
}

/// The names of all migrations that this version knows, oldest first.
pub fn known() -> Vec<String> {
    Migrator::migrations().iter().map(|migration| migration.name().to_owned()).collect()
}
