package access

import (
	"encoding/xml"
	"fmt"
	"net/http"
	"strings"

	"github.com/google/uuid"

	"sensor-backend/emulator/awsapi"
	"sensor-backend/emulator/iam"
	"sensor-backend/emulator/iam/calls"
)

// problem is why a request is not carried out.
type problem struct {
	kind    kind
	message string
	// code and status are those of another kind.
	code   string
	status int
}

// kind is a kind of problem, which each protocol has its own code for.
type kind int

const (
	refused kind = iota
	expired
	invalidToken
	missingToken
	incomplete
	other
)

// denied is a refusal in AWS's words. S3 puts the resource in quotes.
func denied(service string, r iam.Request, d iam.Decision) *problem {
	if service == "s3" {
		r.Resource = `"` + r.Resource + `"`
	}
	message := iam.Sentence(r, d)
	if service == "ec2" {
		message = "You are not authorized to perform this operation. " + message
	}
	return &problem{message: message}
}

// unknown is a request whose action is not in the table.
func unknown(call calls.Call, r *http.Request) *problem {
	name := call.Service + ":" + call.Operation
	if call.Operation == "" {
		name = fmt.Sprintf("%s %s of %s", r.Method, r.URL.Path, call.Service)
	}
	return &problem{message: "The emulated AWS does not know which permission " + name + " needs; add it to emulator/iam/calls/operations.txt"}
}

// internal is what keeps the emulated AWS from deciding. It refuses: a client
// would try again what stays as it is.
func internal(err error) *problem {
	return &problem{message: "The emulated AWS cannot decide about the request: " + err.Error()}
}

// codes are the kinds' codes by protocol: JSON and REST, query, EC2, S3; and the
// status of the last three.
var codes = [...][4]struct {
	code   string
	status int
}{
	refused:      {{"AccessDeniedException", http.StatusBadRequest}, {"AccessDenied", http.StatusForbidden}, {"UnauthorizedOperation", http.StatusForbidden}, {"AccessDenied", http.StatusForbidden}},
	expired:      {{"ExpiredTokenException", http.StatusBadRequest}, {"ExpiredToken", http.StatusForbidden}, {"RequestExpired", http.StatusBadRequest}, {"ExpiredToken", http.StatusBadRequest}},
	invalidToken: {{"UnrecognizedClientException", http.StatusBadRequest}, {"InvalidClientTokenId", http.StatusForbidden}, {"AuthFailure", http.StatusUnauthorized}, {"InvalidToken", http.StatusBadRequest}},
	missingToken: {{"MissingAuthenticationTokenException", http.StatusBadRequest}, {"MissingAuthenticationToken", http.StatusForbidden}, {"MissingAuthenticationToken", http.StatusForbidden}, {"AccessDenied", http.StatusForbidden}},
	incomplete:   {{"IncompleteSignatureException", http.StatusBadRequest}, {"IncompleteSignature", http.StatusBadRequest}, {"IncompleteSignature", http.StatusBadRequest}, {"AuthorizationHeaderMalformed", http.StatusBadRequest}},
}

// refuse answers with a problem, in the form of the request's protocol.
func (a *Access) refuse(w http.ResponseWriter, r *http.Request, p problem) {
	scope, _ := awsapi.ReadScope(r)
	_, _, isJSON := awsapi.JSONOperation(r)
	a.log.Info("refused", "method", r.Method, "path", r.URL.Path, "service", scope.Service, "reason", p.message)
	protocol := 1
	switch {
	case isJSON || scope.Service == "lambda" || scope.Service == "xray":
		protocol = 0
	case scope.Service == "ec2":
		protocol = 2
	case scope.Service == "s3":
		protocol = 3
	}
	code, status := p.code, p.status
	if p.kind != other {
		found := codes[p.kind][protocol]
		code, status = found.code, found.status
		if protocol == 0 && !isJSON {
			status = http.StatusForbidden // REST services answer 403
		}
		if scope.Service == "sns" && p.kind == refused {
			code = "AuthorizationError"
		}
	}
	switch protocol {
	case 0:
		if scope.Service == "sqs" {
			w.Header().Set("X-Amzn-Query-Error", strings.TrimSuffix(code, "Exception")+";Sender")
		}
		awsapi.WriteError(w, &awsapi.Error{Status: status, Code: code, Message: p.message})
	case 2:
		writeXML(w, status, ec2Errors{Code: code, Message: p.message, RequestID: uuid.NewString()})
	case 3:
		if r.Method == http.MethodHead {
			w.WriteHeader(status)
			return
		}
		writeXML(w, status, s3Error{Code: code, Message: p.message, Resource: r.URL.Path, RequestID: uuid.NewString()})
	default:
		writeXML(w, status, queryErrors{Type: "Sender", Code: code, Message: p.message, RequestID: uuid.NewString()})
	}
}

type queryErrors struct {
	XMLName   xml.Name `xml:"ErrorResponse"`
	Type      string   `xml:"Error>Type"`
	Code      string   `xml:"Error>Code"`
	Message   string   `xml:"Error>Message"`
	RequestID string   `xml:"RequestId"`
}

type ec2Errors struct {
	XMLName   xml.Name `xml:"Response"`
	Code      string   `xml:"Errors>Error>Code"`
	Message   string   `xml:"Errors>Error>Message"`
	RequestID string   `xml:"RequestID"`
}

type s3Error struct {
	XMLName   xml.Name `xml:"Error"`
	Code      string   `xml:"Code"`
	Message   string   `xml:"Message"`
	Resource  string   `xml:"Resource"`
	RequestID string   `xml:"RequestId"`
}

func writeXML(w http.ResponseWriter, status int, body any) {
	raw, err := xml.Marshal(body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/xml")
	w.WriteHeader(status)
	_, _ = w.Write(append([]byte(xml.Header), raw...))
}
