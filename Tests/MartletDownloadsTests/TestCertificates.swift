// Certificates for one name that are good for nothing but tests: of an authority, one in time and two that are not.

enum TestCertificates {
    static let authority = """
        -----BEGIN CERTIFICATE-----
        MIIBNTCB3KADAgECAgEBMAoGCCqGSM49BAMCMBkxFzAVBgNVBAMMDlRlc3QgQXV0
        aG9yaXR5MCAXDTIwMDEwMTAwMDAwMFoYDzIxMjAwMTAxMDAwMDAwWjAZMRcwFQYD
        VQQDDA5UZXN0IEF1dGhvcml0eTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABM35
        RtLbDrUTpzydoLZ4t2YmxY1iasWHOxHkA8UmtHaINp6MKyh8C1eCFpPsX6mInrHq
        5/iI/e1o/FXD0Axn6MajEzARMA8GA1UdEwEB/wQFMAMBAf8wCgYIKoZIzj0EAwID
        SAAwRQIgP84rAxYOuycLTvoqLr9U9qgrmSnVPpy/vLExTataZOECIQDMO08zDEhM
        DHwQxaIMvMyTeUa95+tWPAScsZh62ivxtw==
        -----END CERTIFICATE-----
        """
    /// For files.example, by the authority, from 2020 to 2119.
    static let good = """
        -----BEGIN CERTIFICATE-----
        MIIBPTCB5KADAgECAgECMAoGCCqGSM49BAMCMBkxFzAVBgNVBAMMDlRlc3QgQXV0
        aG9yaXR5MCAXDTIwMDEwMTAwMDAwMFoYDzIxMjAwMTAxMDAwMDAwWjAYMRYwFAYD
        VQQDDA1maWxlcy5leGFtcGxlMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEyRly
        oacu9Ll/U20ZzACadDpJufhvBV8Gke49J0dmZzkdFA1oOaoER/aXcLlL3Wn6jUrg
        o0WU3k1RUrq5h6y1sqMcMBowGAYDVR0RBBEwD4INZmlsZXMuZXhhbXBsZTAKBggq
        hkjOPQQDAgNIADBFAiADMuJumVX0GILC42POBSQ1eyvWMvCZI63/aftINmKTpQIh
        AP2zwPTLY1l5B5ROqDbio52yYKZ2DxkLogPO+Ep0BiZy
        -----END CERTIFICATE-----
        """
    /// The same until February 2020.
    static let expired = """
        -----BEGIN CERTIFICATE-----
        MIIBOzCB4qADAgECAgEDMAoGCCqGSM49BAMCMBkxFzAVBgNVBAMMDlRlc3QgQXV0
        aG9yaXR5MB4XDTIwMDEwMTAwMDAwMFoXDTIwMDIwMTAwMDAwMFowGDEWMBQGA1UE
        AwwNZmlsZXMuZXhhbXBsZTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABMkZcqGn
        LvS5f1NtGcwAmnQ6Sbn4bwVfBpHuPSdHZmc5HRQNaDmqBEf2l3C5S91p+o1K4KNF
        lN5NUVK6uYestbKjHDAaMBgGA1UdEQQRMA+CDWZpbGVzLmV4YW1wbGUwCgYIKoZI
        zj0EAwIDSAAwRQIgJnWRZsyD17CIqmOkER9tjFkHgGGjoqX/NBFXCBluFN4CIQDo
        GiNJw1dJh8mObX87RxlReHZTLVOwFtnKmDQlexdzmA==
        -----END CERTIFICATE-----
        """
    /// The same from 2119 on.
    static let early = """
        -----BEGIN CERTIFICATE-----
        MIIBPjCB5qADAgECAgEEMAoGCCqGSM49BAMCMBkxFzAVBgNVBAMMDlRlc3QgQXV0
        aG9yaXR5MCIYDzIxMTkwMTAxMDAwMDAwWhgPMjEyMDAxMDEwMDAwMDBaMBgxFjAU
        BgNVBAMMDWZpbGVzLmV4YW1wbGUwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAATJ
        GXKhpy70uX9TbRnMAJp0Okm5+G8FXwaR7j0nR2ZnOR0UDWg5qgRH9pdwuUvdafqN
        SuCjRZTeTVFSurmHrLWyoxwwGjAYBgNVHREEETAPgg1maWxlcy5leGFtcGxlMAoG
        CCqGSM49BAMCA0cAMEQCICukyXQWR3kvymq3Gmd1NerE/KTM1GUFjpmJPxTvxcRv
        AiB1Ez/jHangVuX6X2yNO5IFgSF85eQcauf9Ws7JtmKevQ==
        -----END CERTIFICATE-----
        """
    static let key = """
        -----BEGIN PRIVATE KEY-----
        MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgV49a+udfKuaLpnV9
        QfJtTJWAzHbRM8fN5nG3ACyzpeehRANCAATJGXKhpy70uX9TbRnMAJp0Okm5+G8F
        XwaR7j0nR2ZnOR0UDWg5qgRH9pdwuUvdafqNSuCjRZTeTVFSurmHrLWy
        -----END PRIVATE KEY-----
        """
}
