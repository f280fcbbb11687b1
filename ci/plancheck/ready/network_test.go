package ready

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
)

// region is an EC2 that answers as AWS documents it, two VPCs a page.
func region(t *testing.T, refuse bool) Network {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.Contains(r.Header.Get("Authorization"), "/eu-central-1/ec2/aws4_request") || r.PostFormValue("Version") != "2016-11-15" {
			t.Errorf("asked %v with %s", r.PostForm, r.Header.Get("Authorization"))
		}
		answer := `<DescribeAddressesResponse><addressesSet><item><publicIp>1.2.3.4</publicIp></item></addressesSet></DescribeAddressesResponse>`
		switch {
		case refuse:
			w.WriteHeader(http.StatusForbidden)
			answer = `<Response><Errors><Error><Code>UnauthorizedOperation</Code><Message>You are not authorized to perform: ec2:DescribeVpcs</Message></Error></Errors></Response>`
		case r.PostFormValue("Action") == "DescribeVpcs" && r.PostFormValue("NextToken") == "":
			answer = `<DescribeVpcsResponse><vpcSet><item/><item/></vpcSet><nextToken>more</nextToken></DescribeVpcsResponse>`
		case r.PostFormValue("Action") == "DescribeVpcs":
			answer = `<DescribeVpcsResponse><vpcSet><item/></vpcSet></DescribeVpcsResponse>`
		}
		_, _ = w.Write([]byte(answer))
	}))
	t.Cleanup(server.Close)
	return NewNetwork(aws.Config{
		Region: "eu-central-1", BaseEndpoint: &server.URL, Credentials: credentials.NewStaticCredentialsProvider("AKIA", "secret", ""),
	})
}

func TestNetwork(t *testing.T) {
	t.Parallel()
	n := region(t, false)
	if count, err := n.Addresses(t.Context()); count != 1 || err != nil {
		t.Errorf("%d addresses, %v", count, err)
	}
	if count, err := n.VPCs(t.Context()); count != 3 || err != nil {
		t.Errorf("%d VPCs, %v", count, err)
	}
	_, err := region(t, true).VPCs(t.Context())
	if line := problem("quota", err); line.State != Skipped || !strings.Contains(line.Detail, "ec2:DescribeVpcs") {
		t.Errorf("%+v", line)
	}
	if suffix("cn-north-1") != "amazonaws.com.cn" || suffix("eu-central-1") != "amazonaws.com" {
		t.Error("China is a part of AWS with its own domain")
	}
}
