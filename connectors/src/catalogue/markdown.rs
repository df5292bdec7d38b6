//! The reference page of the tools, made from their definitions.

use std::fmt::Write;

use intents::tool::{DeclaredError, Definition, Identity, Kind};

/// Writes the reference page of some tools.
pub fn markdown<'d>(definitions: impl IntoIterator<Item = &'d Definition>) -> String {
    let mut page = String::from("# Tools\n\nMade from the definitions that the server runs with.\n");
    for definition in definitions {
        // Writing to a string cannot fail.
        let _ = tool(&mut page, definition);
    }
    page
}

fn tool(page: &mut String, definition: &Definition) -> std::fmt::Result {
    write!(page, "\n## `{}`\n\n{}\n\n", definition.name, definition.summary)?;
    writeln!(page, "- Kind: {}", kind(definition.kind))?;
    writeln!(page, "- Version: {}", definition.version)?;
    if let Some(label) = &definition.label {
        writeln!(page, "- What it reads is labelled: `{label}`")?;
    }
    if definition.leaves_machine {
        writeln!(page, "- Leaves the machine")?;
    }
    write!(page, "\nArguments:\n\n{}", schema(&definition.arguments))?;
    write!(page, "\nResult:\n\n{}", schema(&definition.result))?;
    write!(page, "\nExample: `{}`\n", definition.example)?;
    if !definition.errors.is_empty() {
        page.push_str("\n| Error | Meaning | Class | Proves that nothing was done |\n| --- | --- | --- | --- |\n");
        definition.errors.iter().try_for_each(|declared| error(page, declared))?;
    }
    Ok(())
}

fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Read => "read",
        Kind::Effect(Identity::Keyed { .. }) => "effect, keyed",
        Kind::Effect(Identity::Queryable { .. }) => "effect, queryable",
        Kind::Effect(Identity::Natural) => "effect, natural",
        Kind::Effect(Identity::Blind) => "effect, blind unless arguments or contract say more",
    }
}

fn schema(schema: &serde_json::Value) -> String {
    format!("```json\n{schema:#}\n```\n")
}

fn error(page: &mut String, declared: &DeclaredError) -> std::fmt::Result {
    let class = declared.class.map_or("the script may catch it", |class| class.as_str());
    let proof = if declared.proves_nothing_done { "yes" } else { "no" };
    writeln!(page, "| `{}` | {} | {class} | {proof} |", declared.code, declared.meaning)
}
