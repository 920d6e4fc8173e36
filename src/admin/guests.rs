//! Connections to the listener: so many at one time, and so many of one address.
//!
//! Whoever opens connections and shows no API token takes files and memory that logins need.
//! What is above the bounds is closed at once, unheard. Must not know: what is said in them.

use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::{Stream, stream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;
use tonic::transport::server::{Connected, TcpConnectInfo};

use crate::tls::{Told, neighbourhood};

/// How many connections may be open.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// In all.
    all: usize,
    /// Of one address.
    of_address: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            all: CONNECTIONS_MAX,
            of_address: CONNECTIONS_OF_ADDRESS_MAX,
        }
    }
}

/// The connections that are let in, for ever: a listener that fails for want of files works
/// again when others have closed some.
pub(super) fn guests(
    listener: TcpListener,
    bounds: Bounds,
) -> impl Stream<Item = io::Result<Guest>> {
    let house = House {
        bounds,
        inside: Arc::default(),
    };
    let told = Told::new(Instant::now());
    stream::unfold(
        (listener, house, told),
        |(listener, house, told)| async move {
            loop {
                let (stream, from) = match listener.accept().await {
                    Ok(accepted) => accepted,
                    Err(error) => {
                        tracing::warn!(%error, "an administrative connection cannot be accepted");
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                        continue;
                    }
                };
                if let Some(place) = house.place(from.ip()) {
                    let guest = Guest {
                        stream,
                        _place: place,
                    };
                    return Some((Ok(guest), (listener, house, told)));
                }
                if told.is_first(Instant::now(), from.ip(), "connections") {
                    tracing::warn!(source = %from.ip(), "too many administrative connections");
                }
            }
        },
    )
}

/// How many are inside, by neighbourhood.
type Inside = Arc<Mutex<HashMap<IpAddr, usize>>>;

struct House {
    bounds: Bounds,
    inside: Inside,
}

impl House {
    /// `None`: it is full, or those of the address have their share.
    fn place(&self, from: IpAddr) -> Option<Place> {
        let from = neighbourhood(from);
        let mut inside = self.inside.lock().unwrap_or_else(PoisonError::into_inner);
        let all: usize = inside.values().sum();
        let of_address = inside.get(&from).copied().unwrap_or_default();
        if all >= self.bounds.all || of_address >= self.bounds.of_address {
            return None;
        }
        inside.insert(from, of_address.saturating_add(1));
        Some(Place {
            from,
            inside: Arc::clone(&self.inside),
        })
    }
}

/// One of them; free again when it is dropped.
struct Place {
    from: IpAddr,
    inside: Inside,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut inside = self.inside.lock().unwrap_or_else(PoisonError::into_inner);
        let left = inside.get(&self.from).map_or(0, |of| of.saturating_sub(1));
        if left == 0 {
            inside.remove(&self.from);
        } else {
            inside.insert(self.from, left);
        }
    }
}

/// A connection that was let in.
pub(super) struct Guest {
    stream: TcpStream,
    _place: Place,
}

impl Connected for Guest {
    type ConnectInfo = TcpConnectInfo;

    fn connect_info(&self) -> TcpConnectInfo {
        self.stream.connect_info()
    }
}

impl AsyncRead for Guest {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Guest {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, octets)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// LIMIT: operators and their programs are few.
const CONNECTIONS_MAX: usize = 1024;
/// LIMIT: many may come by one gateway, but nobody takes the places of all others.
const CONNECTIONS_OF_ADDRESS_MAX: usize = 256;
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

const _: () = assert!(CONNECTIONS_OF_ADDRESS_MAX < CONNECTIONS_MAX);

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use futures_util::StreamExt as _;
    use tokio::io::AsyncReadExt as _;
    use tokio::time::timeout;

    use super::*;

    const SOON: Duration = Duration::from_secs(10);

    fn house(all: usize, of_address: usize) -> House {
        House {
            bounds: Bounds { all, of_address },
            inside: Arc::default(),
        }
    }

    #[test]
    fn nobody_takes_the_places_of_all_others() {
        let house = house(3, 2);
        let [one, other, third] = [1, 2, 3].map(|it| IpAddr::from(Ipv4Addr::new(198, 51, 100, it)));
        let of_one = [house.place(one), house.place(one)];
        assert!(of_one.iter().all(Option::is_some));
        assert!(house.place(one).is_none(), "its share is taken");
        let of_other = house.place(other);
        assert!(of_other.is_some());
        assert!(house.place(third).is_none(), "the house is full");
        drop(of_one);
        assert!(house.place(third).is_some() && house.place(one).is_some());
        drop(of_other);
        assert!(house.inside.lock().unwrap().is_empty(), "nothing is kept");
    }

    #[tokio::test]
    async fn a_connection_above_the_bounds_is_closed_and_has_a_place_when_another_ends() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let bounds = house(1, 1).bounds;
        let mut guests = Box::pin(guests(listener, bounds));
        let _first = TcpStream::connect(address).await.unwrap();
        let inside = guests.next().await.unwrap().unwrap();
        let mut second = TcpStream::connect(address).await.unwrap();
        let next = tokio::spawn(async move { guests.next().await });
        let closed = timeout(SOON, second.read(&mut [0])).await;
        assert!(matches!(closed, Ok(Ok(0) | Err(_))), "{closed:?}");
        drop(inside);
        let _third = TcpStream::connect(address).await.unwrap();
        let next = timeout(SOON, next).await.unwrap();
        assert!(next.unwrap().unwrap().is_ok());
    }
}
