package awsapi

import (
	"encoding/json"
	"testing"
	"time"
)

func TestParseAuthorization(t *testing.T) {
	for _, c := range []struct {
		name, header string
		want         Scope
		ok           bool
	}{
		{"v4", "AWS4-HMAC-SHA256 Credential=AKID/20260101/eu-central-1/ecs/aws4_request, SignedHeaders=host, Signature=0", Scope{"eu-central-1", "ecs"}, true},
		{"no space", "AWS4-HMAC-SHA256 Credential=a/b/20260101/us-east-1/s3/aws4_request,SignedHeaders=host", Scope{"us-east-1", "s3"}, true},
		{"basic", "Basic QVdTOng=", Scope{}, false},
		{"short", "AWS4-HMAC-SHA256 Credential=AKID/ecs/aws4_request", Scope{}, false},
		{"empty", "", Scope{}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, ok := ParseAuthorization(c.header)
			if got != c.want || ok != c.ok {
				t.Errorf("got %v %v, want %v %v", got, ok, c.want, c.ok)
			}
		})
	}
}

func TestParseError(t *testing.T) {
	e := ParseError(400, []byte(`{"__type":"com.amazonaws#NotFound","message":"gone"}`))
	if e.Code != "NotFound" || e.Message != "gone" {
		t.Errorf("got %+v", e)
	}
	if e := ParseError(500, []byte("<html>")); e.Code != "HTTP500" || e.Message != "<html>" {
		t.Errorf("got %+v", e)
	}
}

func TestTimeIsSeconds(t *testing.T) {
	raw, err := json.Marshal(Time(time.UnixMilli(1700000000123)))
	if err != nil || string(raw) != "1700000000.123" {
		t.Errorf("got %s, %v", raw, err)
	}
}

func FuzzParseAuthorization(f *testing.F) {
	f.Add("AWS4-HMAC-SHA256 Credential=AKID/20260101/eu-central-1/ecs/aws4_request, SignedHeaders=host")
	f.Fuzz(func(t *testing.T, header string) {
		if scope, ok := ParseAuthorization(header); !ok && scope != (Scope{}) {
			t.Errorf("a refused header gave %v", scope)
		}
	})
}

func FuzzParseError(f *testing.F) {
	f.Add([]byte(`{"__type":"a#b"}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		if ParseError(400, body) == nil {
			t.Error("got nothing")
		}
	})
}
