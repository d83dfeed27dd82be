// Certificates of a server on this machine that are good for nothing but tests, with the chain to their authority.

/// Certificates and keys in PEM.
public enum ServerCertificates {
    /// The authority that clients trust.
    public static let authority = """
        -----BEGIN CERTIFICATE-----
        MIIBKzCB0qADAgECAgEBMAoGCCqGSM49BAMCMBQxEjAQBgNVBAMMCVRlc3QgUm9v
        dDAgFw0yMDAxMDEwMDAwMDBaGA8yMTIwMDEwMTAwMDAwMFowFDESMBAGA1UEAwwJ
        VGVzdCBSb290MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAENzU5g82yPX+OkiFA
        f5jm8hn/HMQldbR5Jc7GMD/EpyP9rQp8qdTd49fHtMNlVN8lshJniT8e7ewwIdo2
        IRw9sqMTMBEwDwYDVR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNIADBFAiA+Uu0U
        vIcF6tRAhE5eo6bQFC6ffaHWyCibw5p7pw1MkQIhAPqGLUVoe/xJy6YCs25S1dSd
        W9VPmNcuBzj94YUdR3b+
        -----END CERTIFICATE-----
        """
    /// Between the authority and the certificates; servers send it.
    public static let intermediate = """
        -----BEGIN CERTIFICATE-----
        MIIBMzCB2qADAgECAgECMAoGCCqGSM49BAMCMBQxEjAQBgNVBAMMCVRlc3QgUm9v
        dDAgFw0yMDAxMDEwMDAwMDBaGA8yMTIwMDEwMTAwMDAwMFowHDEaMBgGA1UEAwwR
        VGVzdCBJbnRlcm1lZGlhdGUwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAASOUUyR
        pkbel89RD/abD8m4jAWcrEr6EuDnAlFxJhTpUBWasaMjFKJli2fouzjS8YwnXkxV
        AJpEa+/ZzrqWF+7doxMwETAPBgNVHRMBAf8EBTADAQH/MAoGCCqGSM49BAMCA0gA
        MEUCIQDdGTQUC88n+EjMnU8DNhNBOYVhwruaZ79LMzrRNVF3MgIgHb6wPiwUQcKK
        mJaZ3PLMMYM+XIwNNXjn5AwnPxdzbbQ=
        -----END CERTIFICATE-----
        """
    /// For localhost and 127.0.0.1, from 2020 to 2119.
    public static let first = """
        -----BEGIN CERTIFICATE-----
        MIIBOTCB4aADAgECAgEQMAoGCCqGSM49BAMCMBwxGjAYBgNVBAMMEVRlc3QgSW50
        ZXJtZWRpYXRlMCAXDTIwMDEwMTAwMDAwMFoYDzIxMjAwMTAxMDAwMDAwWjAQMQ4w
        DAYDVQQDDAVmaXJzdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABCQNnMXWSEK1
        VfPufPJNdmbB3YvtgQpBBDWMxhvkCpM0nVfWAZzG2BDXQGja8TFlYL5/L4cd3hjl
        J3jNU1pnw1ujHjAcMBoGA1UdEQQTMBGCCWxvY2FsaG9zdIcEfwAAATAKBggqhkjO
        PQQDAgNHADBEAiAA3xkGdposRHx9NRz69dfq/lx0H+m0qBdv/4zmE//KtQIgDPZt
        7nQ89VJRorSzBv6+i9FwvDAd5RMuP3RRqwm8eeQ=
        -----END CERTIFICATE-----
        """
    /// The key of ``first``.
    public static let firstKey = """
        -----BEGIN PRIVATE KEY-----
        MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgkw+sL/jNJQCDksnA
        6O5wFGjooxGupIsEkN7n/ahzuIShRANCAAQkDZzF1khCtVXz7nzyTXZmwd2L7YEK
        QQQ1jMYb5AqTNJ1X1gGcxtgQ10Bo2vExZWC+fy+HHd4Y5Sd4zVNaZ8Nb
        -----END PRIVATE KEY-----
        """
    /// The same with another key and name, until the end of 2118.
    public static let second = """
        -----BEGIN CERTIFICATE-----
        MIIBOzCB4qADAgECAgERMAoGCCqGSM49BAMCMBwxGjAYBgNVBAMMEVRlc3QgSW50
        ZXJtZWRpYXRlMCAXDTIwMDEwMTAwMDAwMFoYDzIxMTkwMTAxMDAwMDAwWjARMQ8w
        DQYDVQQDDAZzZWNvbmQwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAS9pOGcd1Hw
        dplD7gpLoVLhGpcWhnOGhhcIWtjf+Nc3ucAgIJLEy2pqiHM6fY4m8oMoLcon1mTO
        JytJ2He+H6gDox4wHDAaBgNVHREEEzARgglsb2NhbGhvc3SHBH8AAAEwCgYIKoZI
        zj0EAwIDSAAwRQIhANfJEzU4GZKT3d+HdjbeMAee9JXyxCuZgq+EiNtMMZ8WAiBT
        tpSxHF1WdWEZSd81wID6/Hk8zWvU5G1ScTXfUILO4g==
        -----END CERTIFICATE-----
        """
    /// The key of ``second`` and ``expired``.
    public static let secondKey = """
        -----BEGIN PRIVATE KEY-----
        MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQggmwhwCdNRR4vPUpw
        +tuOHDHfLlRUxuE6HUm0Fqt33D2hRANCAAS9pOGcd1HwdplD7gpLoVLhGpcWhnOG
        hhcIWtjf+Nc3ucAgIJLEy2pqiHM6fY4m8oMoLcon1mTOJytJ2He+H6gD
        -----END PRIVATE KEY-----
        """
    /// The second one until February 2020.
    public static let expired = """
        -----BEGIN CERTIFICATE-----
        MIIBOTCB4KADAgECAgESMAoGCCqGSM49BAMCMBwxGjAYBgNVBAMMEVRlc3QgSW50
        ZXJtZWRpYXRlMB4XDTIwMDEwMTAwMDAwMFoXDTIwMDIwMTAwMDAwMFowETEPMA0G
        A1UEAwwGc2Vjb25kMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEvaThnHdR8HaZ
        Q+4KS6FS4RqXFoZzhoYXCFrY3/jXN7nAICCSxMtqaohzOn2OJvKDKC3KJ9Zkzicr
        Sdh3vh+oA6MeMBwwGgYDVR0RBBMwEYIJbG9jYWxob3N0hwR/AAABMAoGCCqGSM49
        BAMCA0gAMEUCIDnsC7xm3ygwi8+H/5DVD4PyqdAOo3WnAP8dAekOIoIhAiEArFl2
        TFD6RfB2kY+XZvDXfNUDqHdTfMVgGIewIBSDmKw=
        -----END CERTIFICATE-----
        """
    /// The first key, encrypted.
    public static let lockedKey = """
        -----BEGIN ENCRYPTED PRIVATE KEY-----
        MIH0MF8GCSqGSIb3DQEFDTBSMDEGCSqGSIb3DQEFDDAkBBA20TuIfw7EFr5wCCWu
        bpjfAgIIADAMBggqhkiG9w0CCQUAMB0GCWCGSAFlAwQBKgQQUOzH1JkuSGjgK9lD
        ERIxZwSBkLIIFsTg4+hXmMVdIu3pa/b3LnT4M1ShS7k+Nx2tseD+tOFnH0fbs8UW
        0FCyFmE2THHGtPv80kX2LmZlzRv4BNIvW/ygG0pEOkajpsGvLDL94RyXJ3FbML2b
        rAAJcibbsf11DQP294PlTBBjFYQaoXsvoOs0hTGzKXi3gW7agMq9g09o+/g/srai
        4pStWpHmbg==
        -----END ENCRYPTED PRIVATE KEY-----
        """
}
