package main

// The certificate authorities that the API trusts are part of its program, at the
// version that go.mod names: its image holds nothing else, so that the same source
// gives the same image. They are used where the machine has none of its own.
import _ "golang.org/x/crypto/x509roots/fallback"
