use std::io::ErrorKind;

use super::*;
use tokio::time::timeout;

/// Nothing here takes so long.
const DEADLINE: Duration = Duration::from_secs(30);
/// What must not come has not come within this.
const A_WHILE: Duration = Duration::from_millis(200);

/// A proxy, a client that is connected through it, and what the server has of that client.
async fn connected() -> (Proxy, TcpStream, TcpStream, TcpListener) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let proxy = Proxy::open(0, listener.local_addr().unwrap().port()).unwrap();
    let client = connect(&proxy).await;
    let (server, _) = listener.accept().await.unwrap();
    (proxy, client, server, listener)
}

async fn connect(proxy: &Proxy) -> TcpStream {
    TcpStream::connect((Ipv4Addr::LOCALHOST, proxy.port())).await.unwrap()
}

async fn arrives(to: &mut TcpStream, expected: &[u8]) {
    let mut found = vec![0; expected.len()];
    timeout(DEADLINE, to.read_exact(&mut found)).await.expect("it arrives").unwrap();
    assert!(found == expected, "other bytes than were sent");
}

/// How reading ends: with nothing more, or with an error.
async fn ends(stream: &mut TcpStream) -> io::Result<usize> {
    timeout(DEADLINE, stream.read(&mut [0; 16])).await.expect("it ends")
}

fn is_reset(end: io::Result<usize>) -> bool {
    end.is_err_and(|error| error.kind() == ErrorKind::ConnectionReset)
}

async fn assert_silent(stream: &mut TcpStream) {
    let read = timeout(A_WHILE, stream.read(&mut [0; 16])).await;
    assert!(read.is_err(), "{read:?}");
}

#[tokio::test]
async fn a_clear_way_passes_everything_on_in_both_directions_and_the_end_as_well() {
    let (_proxy, mut client, mut server, _) = connected().await;
    let much: Vec<u8> = (0..3_000_000_u32).map(|number| number.to_le_bytes()[1]).collect();
    tokio::join!(async { client.write_all(&much).await.unwrap() }, arrives(&mut server, &much));
    client.shutdown().await.unwrap();
    assert_eq!(ends(&mut server).await.unwrap(), 0, "the end of one direction");
    server.write_all(b"still heard").await.unwrap();
    arrives(&mut client, b"still heard").await;
    drop(server);
    assert_eq!(ends(&mut client).await.unwrap(), 0);
}

#[tokio::test]
async fn a_slow_way_delivers_later_and_in_order_and_a_narrow_one_piece_by_piece() {
    let (proxy, mut client, mut server, _) = connected().await;
    proxy.set(Flow::Slow(Duration::from_millis(200)));
    let sent = Instant::now();
    client.write_all(b"one").await.unwrap();
    arrives(&mut server, b"one").await;
    assert!(sent.elapsed() >= Duration::from_millis(200), "{:?}", sent.elapsed());

    proxy.set(Flow::Throttled(20_000));
    let sent = Instant::now();
    client.write_all(&[7; 5_000]).await.unwrap();
    arrives(&mut server, &[7; 5_000]).await;
    assert!(sent.elapsed() >= Duration::from_millis(200), "{:?}", sent.elapsed());
}

#[tokio::test]
async fn a_way_that_is_cut_resets_what_is_connected_and_what_comes_until_it_is_clear_again() {
    let (proxy, mut client, mut server, listener) = connected().await;
    proxy.set(Flow::Cut);
    assert!(is_reset(ends(&mut client).await), "the client is reset");
    assert!(is_reset(ends(&mut server).await), "the server is reset");
    assert!(is_reset(ends(&mut connect(&proxy).await).await), "a new client is reset");
    proxy.set(Flow::Clear);
    let mut client = connect(&proxy).await;
    let (mut server, _) = listener.accept().await.unwrap();
    client.write_all(b"back").await.unwrap();
    arrives(&mut server, b"back").await;
}

#[tokio::test]
async fn of_a_half_open_connection_the_server_hears_the_end_and_the_client_nothing_until_it_is_over() {
    let (proxy, mut client, mut server, listener) = connected().await;
    proxy.set(Flow::HalfOpen);
    assert!(is_reset(ends(&mut server).await));
    client.write_all(b"is anybody there").await.unwrap();
    let mut late = connect(&proxy).await;
    late.write_all(b"and here").await.unwrap();
    assert_silent(&mut client).await;
    assert_silent(&mut late).await;
    assert!(timeout(A_WHILE, listener.accept()).await.is_err(), "the server must not hear of new ones");
    proxy.set(Flow::Clear);
    assert!(is_reset(ends(&mut client).await) && is_reset(ends(&mut late).await));
}

#[tokio::test]
async fn where_nobody_listens_behind_it_a_client_is_reset_and_a_dropped_proxy_ends_its_connections() {
    let (proxy, mut client, server, listener) = connected().await;
    drop(listener);
    assert!(is_reset(ends(&mut connect(&proxy).await).await));
    drop(proxy);
    let end = ends(&mut client).await;
    assert!(matches!(end, Ok(0) | Err(_)), "{end:?}");
    drop(server);
}
