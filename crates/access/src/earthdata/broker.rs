//! The way back from a worker to its driver: one line of JSON asks, one line answers, on this machine alone.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    task::{JoinHandle, JoinSet},
};
use zeroize::Zeroizing;

use super::{S3Credentials, Token};
use crate::{Error, Kind, Result, Secret, cdse::CdseToken, error::Wire, keyring::Keyring, planetary::Signature, secret::exposed};

/// Longest line that either side reads.
const MAX_LINE: u64 = 1 << 20;
/// Until a worker has said what it wants.
const PATIENCE: Duration = Duration::from_secs(10);
/// After a connection that could not be taken.
const PAUSE: Duration = Duration::from_millis(100);
/// Until the driver has answered: it may have to log in, with retries.
const LONG: Duration = Duration::from_secs(300);

/// Where the driver listens, and the key that only its workers know.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct WayBack {
    address: SocketAddr,
    #[serde(with = "exposed")]
    key: Secret,
}

/// What a worker wants.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Wish {
    /// The token of Earthdata Login; another one than that with this fingerprint, which a host refused.
    Token { refused: Option<String> },
    /// Temporary keys of an endpoint; others than those with this fingerprint, which a bucket refused.
    Keys { endpoint: String, refused: Option<String> },
    /// The signature of a container of the Planetary Computer; another one than that with this fingerprint, which was refused.
    Signature { container: String, refused: Option<String> },
    /// The token of the Copernicus Data Space; another one than this.
    Cdse { refused: Option<String> },
}

/// What it gets.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Grant {
    Token(Token),
    Keys(S3Credentials),
    Signature(Signature),
    Cdse(CdseToken),
    Refused(Wire),
}

#[derive(Serialize, Deserialize)]
struct Line {
    #[serde(with = "exposed")]
    key: Secret,
    wish: Wish,
}

/// A driver's ear for its workers. Closed when dropped.
#[derive(Debug)]
pub struct Broker {
    way_back: WayBack,
    task: JoinHandle<()>,
}

impl Broker {
    /// Listens on a free port of this machine, with a key of its own.
    pub(crate) async fn start(keyring: Arc<Keyring>) -> Result<Self> {
        let failed = |e| Error::new(Kind::Unavailable, "127.0.0.1", "cannot be listened on for workers").with_source(e);
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(failed)?;
        let way_back = WayBack { address: listener.local_addr().map_err(failed)?, key: random_key()? };
        let key = way_back.key.clone();
        let task = tokio::spawn(async move {
            let mut workers = JoinSet::new();
            loop {
                match listener.accept().await {
                    Ok((stream, _)) => {
                        workers.spawn(serve(stream, key.clone(), Arc::clone(&keyring)));
                    }
                    Err(e) => {
                        // Too many open files, or a worker that went away: the next one may have more luck.
                        tracing::warn!(error = %e, "a worker could not be heard");
                        tokio::time::sleep(PAUSE).await;
                    }
                }
                while workers.try_join_next().is_some() {}
            }
        });
        Ok(Self { way_back, task })
    }

    pub(crate) fn way_back(&self) -> WayBack {
        self.way_back.clone()
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn random_key() -> Result<Secret> {
    let mut bytes = Zeroizing::new([0_u8; 32]);
    getrandom::fill(&mut *bytes).map_err(|e| Error::new(Kind::Unavailable, "the system", "gives no random numbers").with_source(e.to_string()))?;
    Ok(Secret::new(bytes.iter().map(|b| format!("{b:02x}")).collect::<String>()))
}

async fn serve(stream: TcpStream, key: Secret, keyring: Arc<Keyring>) {
    let (read, mut write) = stream.into_split();
    let mut text = Zeroizing::new(String::new());
    let mut reader = BufReader::new(read.take(MAX_LINE));
    if !matches!(tokio::time::timeout(PATIENCE, reader.read_line(&mut text)).await, Ok(Ok(_))) {
        return;
    }
    let Ok(line) = serde_json::from_str::<Line>(&text) else { return };
    // Hashes are compared, so that how long it takes says nothing about the key.
    if Sha256::digest(line.key.expose()) != Sha256::digest(key.expose()) {
        tracing::warn!("somebody on this machine asks for credentials without the key");
        return;
    }
    let grant = keyring.grant(line.wish).await.unwrap_or_else(|e| Grant::Refused(Wire::from(&e)));
    let Ok(mut answer) = serde_json::to_vec(&grant).map(Zeroizing::new) else { return };
    answer.push(b'\n');
    if write.write_all(&answer).await.is_err() {
        tracing::debug!("a worker went away before it was answered");
    }
}

impl WayBack {
    /// Asks the driver. A driver that is gone means that the credentials cannot be renewed: [`Error::is_credentials_expired`].
    pub(crate) async fn ask(&self, wish: Wish) -> Result<Grant> {
        let gone = |e: &dyn std::error::Error| Error::credentials_expired("the driver", "does not answer").with_source(e.to_string());
        let exchange = async {
            let mut stream = TcpStream::connect(self.address).await?;
            let mut line = Zeroizing::new(serde_json::to_vec(&Line { key: self.key.clone(), wish })?);
            line.push(b'\n');
            stream.write_all(&line).await?;
            let mut text = Zeroizing::new(String::new());
            BufReader::new(stream.take(MAX_LINE)).read_line(&mut text).await?;
            Ok::<_, std::io::Error>(text)
        };
        let text = tokio::time::timeout(LONG, exchange).await.map_err(|e| gone(&e))?.map_err(|e| gone(&e))?;
        match serde_json::from_str(&text) {
            Ok(Grant::Refused(wire)) => Err(wire.into()),
            Ok(grant) => Ok(grant),
            Err(_) => Err(Error::credentials_expired("the driver", "answers something that is not understood")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_long_and_differ() -> Result<()> {
        let (a, b) = (random_key()?, random_key()?);
        assert!(a.expose().len() == 64 && a != b);
        Ok(())
    }
}
