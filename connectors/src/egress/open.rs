//! Requests that a client library has made: they leave by the same rules as all others.

use std::net::IpAddr;

use reqwest::{Client, Request, Response};

use super::classify::send_fault;
use super::gateway::Egress;
use super::hop::target;
use super::reach::HostPort;
use super::request::SendFault;
use super::resolve::Admitted;

impl Egress {
    /// The client with which a library makes its requests. What it would send by itself leaves by the rules for public
    /// hosts.
    pub fn client(&self) -> Client {
        self.clients.public.effect.clone()
    }

    /// Sends a request once and gives the head of its answer; the body is read by the caller, who also says how long all of
    /// it may take. No redirect is followed, so what the request carries reaches nobody else.
    pub async fn open(&self, request: Request, private_hosts: &[HostPort]) -> Result<Response, SendFault> {
        let to = target(request.url()).map_err(SendFault::before)?;
        let admitted = self.admitted(&to, private_hosts);
        // A name is checked when it is resolved; an address in the URL is connected to as it is.
        if let Ok(address) = to.host().parse::<IpAddr>() {
            admitted.check(to.host(), address).map_err(SendFault::before)?;
        }
        self.pace(&to).await;
        let kinds = match &admitted {
            Admitted::Public(_) => &self.clients.public,
            Admitted::All => &self.clients.named,
        };
        kinds.effect.execute(request).await.map_err(|error| send_fault(&to, error))
    }
}
