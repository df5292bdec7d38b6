//! A question as endpoints take it, and how large it can be at most.

use intents::canonical::{self, Digest};
use intents::model::{Cost, Tokens, tokens_at_most};
use serde_json::{Value, json};

use super::ask::Ask;
use super::error::{Code, Error};
use super::message::Message;
use super::provider::Profile;

/// Bytes of one token in plain text, on average: a request that is too large by this is too large by any count.
const BYTES_OF_A_TOKEN: usize = 4;
/// A larger request is no conversation.
const REQUEST_BYTES_MAX: usize = 32 << 20;

/// The digest by which a recording knows a question: of the conversation, the tools and the shape of the answer, whatever
/// the model.
pub fn digest_of(ask: &Ask) -> Digest {
    canonical::digest(&json!({
        "messages": messages(ask),
        "tools": tools(ask),
        "schema": ask.schema.as_ref().map(|schema| &schema.schema),
    }))
}

fn messages(ask: &Ask) -> Vec<Value> {
    ask.messages.iter().map(Message::for_endpoint).collect()
}

fn tools(ask: &Ask) -> Vec<Value> {
    let tool = |tool: &super::message::ToolOffer| {
        let function = json!({ "name": tool.name, "description": tool.description, "parameters": tool.parameters });
        json!({ "type": "function", "function": function })
    };
    ask.tools.iter().map(tool).collect()
}

/// A request, ready to be sent, with what it costs at most.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Request {
    pub(super) body: Value,
    pub(super) worst: Cost,
}

/// Makes the request of a question for one model.
pub(super) fn request(ask: &Ask, profile: &Profile) -> Result<Request, Error> {
    let (messages, tools) = (messages(ask), tools(ask));
    let parts = messages.len() + tools.len();
    let tokens_out = ask.tokens_out_max.unwrap_or(u32::MAX).min(profile.tokens_out_max).max(1);
    let mut body = json!({ "model": profile.model, "messages": messages, "stream": profile.stream });
    body[profile.tokens_out_as.as_str()] = json!(tokens_out);
    if profile.stream {
        body["stream_options"] = json!({ "include_usage": true });
    }
    if let Some(temperature) = profile.temperature {
        body["temperature"] = json!(temperature);
    }
    if !tools.is_empty() {
        body["tools"] = json!(tools);
    }
    if let (Some(schema), true) = (&ask.schema, profile.structured) {
        let schema = json!({ "name": schema.name, "schema": schema.schema });
        body["response_format"] = json!({ "type": "json_schema", "json_schema": schema });
    }
    let bytes = body.to_string().len();
    let roughly = bytes / BYTES_OF_A_TOKEN;
    if bytes > REQUEST_BYTES_MAX || roughly > profile.tokens_in_max as usize {
        let message = format!(
            "the request has about {roughly} tokens, and `{}` takes {}; ask about less, or name a model that takes more",
            profile.model, profile.tokens_in_max
        );
        return Err(Error::new(Code::ModelTooLarge, message));
    }
    let most = Tokens { input: tokens_at_most(bytes, parts), output: tokens_out.into() };
    Ok(Request { body, worst: profile.prices().cost(most) })
}

#[cfg(test)]
mod tests {
    use intents::model::{Prices, Purpose};

    use super::*;
    use crate::models::{AnswerSchema, ToolOffer};

    fn ask(text: &str) -> Ask {
        Ask::new("r", Purpose::Chat, vec![Message::system("You help."), Message::user(text)])
    }

    #[test]
    fn the_worst_case_holds_every_byte_and_the_longest_answer() {
        let mut profile = Profile::new("m", Prices { input: 1_000_000, output: 2_000_000 });
        profile.tokens_out_max = 100;
        let made = request(&ask("Hello"), &profile).unwrap();
        let bytes = made.body.to_string().len() as i64;
        assert!(made.worst.micros() >= bytes + 200, "{made:?}");
        let mut short = ask("Hello");
        short.tokens_out_max = Some(1);
        assert_eq!(made.worst.micros() - request(&short, &profile).unwrap().worst.micros(), 2 * 99 + 2);
    }

    #[test]
    fn a_request_says_what_the_profile_and_the_question_say() {
        let mut profile = Profile::new("m", Prices::FREE);
        (profile.stream, profile.temperature) = (false, Some(0.5));
        let mut ask = ask("Hello");
        ask.schema = Some(AnswerSchema { name: "a".into(), schema: json!({ "type": "object" }) });
        ask.tools = vec![ToolOffer { name: "t".into(), description: "d".into(), parameters: json!({}) }];
        let body = request(&ask, &profile).unwrap().body;
        assert_eq!(body["tools"][0]["function"]["name"], "t");
        assert_eq!(body["response_format"]["json_schema"]["schema"]["type"], "object");
        assert_eq!((&body["temperature"], &body["max_tokens"]), (&json!(0.5), &json!(8192)));
        assert_eq!((body.get("stream_options"), &body["stream"]), (None, &json!(false)));
    }

    #[test]
    fn what_no_model_takes_is_not_sent() {
        let mut profile = Profile::new("m", Prices::FREE);
        profile.tokens_in_max = 100;
        assert_eq!(request(&ask(&"x".repeat(1000)), &profile).unwrap_err().code(), Code::ModelTooLarge);
    }
}
