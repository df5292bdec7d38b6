//! Files carry the labels of the runs that wrote them, and give them to whoever reads them.

use std::sync::Arc;

use connectors::{Call, Fault, Performed, Tool, Touches};
use intents::failure::Class;
use intents::label::Labels;
use intents::outcome::{Failure, Outcome};

use super::fault::within;
use crate::executor::Services;
use crate::store::{Error, Store, WrittenFile};

/// Reads, within the time that the call has. What it gives carries the labels of the files that it comes from.
pub(super) async fn read(services: &Services, tool: &Arc<dyn Tool>, call: &Call) -> Result<Performed, Fault> {
    let mut performed = within(&services.env, call.deadline, Class::Internal, tool.perform(call)).await?;
    let touches = tool.touches(call.arguments.value());
    match add_labels(&services.store, &touches, &mut performed).await {
        Ok(()) => Ok(performed),
        Err(error) => {
            let failure = Failure::new(error.class(), error.code(), error.to_string());
            Err(Fault { failure, proves_nothing_done: true })
        }
    }
}

/// Adds what is known of the files that were read, and of the names that were listed.
async fn add_labels(store: &Store, touches: &Touches, performed: &mut Performed) -> Result<(), Error> {
    let digest = match &performed.outcome {
        Outcome::Value(value) => value.get("digest").and_then(|digest| digest.as_str()),
        Outcome::Refused(_) | Outcome::Skipped { .. } => None,
    };
    for place in &touches.reads {
        performed.labels.extend(store.labels_of_file(&place.folder, &place.path, digest).await?);
    }
    for folder in &touches.lists {
        performed.labels.extend(store.labels_in_folder(folder).await?);
    }
    Ok(())
}

/// What an effect is about to write, with all that its run has read.
pub(super) fn written(touches: Touches, labels: &Labels) -> Vec<WrittenFile> {
    let file = |written: connectors::Written| WrittenFile {
        folder: written.place.folder,
        path: written.place.path,
        digest: written.digest,
        from: written.from.map(|place| (place.folder, place.path)),
        labels: labels.clone(),
    };
    touches.writes.into_iter().map(file).collect()
}
