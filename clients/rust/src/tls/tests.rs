//! Faults as people read them.

use std::{io, time::Duration};

use rustls::{
    AlertDescription, CertificateError, InvalidMessage,
    pki_types::{ServerName, UnixTime},
};

use super::{TlsError, TlsFault, TlsOptions, rustls_error};

fn check(error: rustls::Error, is_final: bool, part: &str) {
    let wrapped = io::Error::new(io::ErrorKind::InvalidData, error);
    let fault = TlsFault::of_handshake(wrapped);
    assert!(fault.to_string().contains(part), "{fault}");
    assert_eq!(fault.is_final(), is_final, "{fault}");
}

#[test]
fn a_fault_says_what_is_wrong_and_what_to_do() {
    let certificate = rustls::Error::InvalidCertificate;
    let at = |seconds| UnixTime::since_unix_epoch(Duration::from_secs(seconds));
    check(certificate(CertificateError::UnknownIssuer), true, "give that authority's certificate (`--ca`)");
    let expected = ServerName::try_from("quotes.test").unwrap();
    let presented = vec!["DnsName(\"a.test\")".to_owned(), "IpAddress(127.0.0.1)".to_owned()];
    check(
        certificate(CertificateError::NotValidForNameContext { expected: expected.clone(), presented }),
        true,
        "not for quotes.test, but for a.test, 127.0.0.1",
    );
    check(
        certificate(CertificateError::NotValidForNameContext { expected, presented: vec![] }),
        true,
        "for no name at all",
    );
    check(
        certificate(CertificateError::ExpiredContext { time: at(1_000_000), not_after: at(913_600) }),
        true,
        "has expired 24 h ago",
    );
    check(
        certificate(CertificateError::NotValidYetContext { time: at(100), not_before: at(190) }),
        true,
        "valid only in 90 s: is this machine's clock wrong?",
    );
    // The trusted authority of that name has the same kind of key, or another one.
    let unlike = CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext {
        signature_algorithm_id: vec![6, 8],
        public_key_algorithm_id: vec![6, 9],
    };
    for fault in [CertificateError::BadSignature, unlike] {
        let says = "of another authority with the name of a trusted one, which `--ca` names";
        check(certificate(fault), true, says);
    }
    check(certificate(CertificateError::Revoked), true, "cannot be used");
    check(rustls::Error::AlertReceived(AlertDescription::CertificateRequired), true, "`--client-cert`");
    check(
        rustls::Error::AlertReceived(AlertDescription::UnknownCA),
        true,
        "does not take this client's certificate",
    );
    check(rustls::Error::AlertReceived(AlertDescription::InternalError), false, "TLS failed");
    check(rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType), false, "use ws:// or http://");
    let ended = TlsFault::of_handshake(io::ErrorKind::UnexpectedEof.into());
    assert!(!ended.is_final() && ended.to_string().contains("does it speak TLS there?"), "{ended}");
    let reset = TlsFault::of_handshake(io::ErrorKind::ConnectionReset.into());
    assert!(!reset.is_final() && rustls_error(&reset).is_none(), "{reset}");
}

#[test]
fn what_is_no_pem_is_told_apart() {
    let built = |options: TlsOptions| options.build().map(|_| ()).unwrap_err();
    let ca = |text: &str| built(TlsOptions::default().ca(text));
    assert!(matches!(ca(""), TlsError::NoAuthority));
    assert!(matches!(ca("-----BEGIN CERTIFICATE-----\nAAAA\n"), TlsError::Authority(_)));
    let nonsense = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let error = ca(nonsense);
    assert!(
        error.to_string().starts_with("certificate 1 of the authorities' file cannot be trusted: "),
        "{error}"
    );
}
