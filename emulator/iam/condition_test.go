package iam

import "testing"

// TestCondition has one case a rule of the IAM User Guide's "Condition operators"
// and "Multivalued context keys".
func TestCondition(t *testing.T) {
	t.Parallel()
	const key = "aws:SourceArn"
	none := []string(nil)
	for _, tt := range []struct {
		operator string
		values   []string // the policy's
		request  []string // nil: the key is absent
		want     bool
	}{
		{"StringEquals", []string{"a"}, []string{"a"}, true},
		{"StringEquals", []string{"a"}, []string{"A"}, false},
		{"StringEquals", []string{"a", "b"}, []string{"b"}, true},
		{"StringEquals", []string{"a*"}, []string{"ab"}, false},
		{"StringEquals", []string{"a*"}, []string{"a*"}, true},
		{"StringEquals", []string{"a"}, none, false},
		{"StringEquals", []string{"a"}, []string{"x", "a"}, true},
		{"StringEqualsIfExists", []string{"a"}, none, true},
		{"StringEqualsIfExists", []string{"a"}, []string{"b"}, false},
		{"StringNotEquals", []string{"a"}, []string{"b"}, true},
		{"StringNotEquals", []string{"a", "b"}, []string{"b"}, false},
		{"StringNotEquals", []string{"a"}, none, true},
		{"StringNotEqualsIfExists", []string{"a"}, none, true},
		{"StringNotEqualsIfExists", []string{"a"}, []string{"a"}, false},
		{"StringEqualsIgnoreCase", []string{"a"}, []string{"A"}, true},
		{"StringNotEqualsIgnoreCase", []string{"a"}, []string{"A"}, false},
		{"StringNotEqualsIgnoreCase", []string{"a"}, []string{"b"}, true},
		{"StringLike", []string{"in/*"}, []string{"in/x"}, true},
		{"StringLike", []string{"in/*"}, []string{"out/x"}, false},
		{"StringLike", []string{"in/?"}, []string{"in/xy"}, false},
		{"StringLike", []string{"in/*"}, none, false},
		{"StringLikeIfExists", []string{"in/*"}, none, true},
		{"StringNotLike", []string{"in/*"}, []string{"out"}, true},
		{"StringNotLike", []string{"in/*"}, []string{"in/x"}, false},
		{"StringNotLike", []string{"in/*"}, none, true},
		{"ArnEquals", []string{"arn:aws:s3:::b"}, []string{"arn:aws:s3:::b"}, true},
		{"ArnEquals", []string{"arn:aws:s3:::b*"}, []string{"arn:aws:s3:::b-1"}, true},
		{"ArnLike", []string{"arn:aws:ecs:r:1:*"}, []string{"arn:aws:ecs:r:1:task/c/x:y"}, true},
		{"ArnLike", []string{"arn:aws:*:1:x"}, []string{"arn:aws:ecs:r:1:x"}, false},
		{"ArnLike", []string{"arn:aws:ecs:*:*:x"}, []string{"arn:aws:ecs:r:1:x"}, true},
		{"ArnLike", []string{"*"}, []string{"arn:aws:ecs:r:1:x"}, true},
		{"ArnLike", []string{"arn:aws:s3:::b"}, []string{"b"}, false},
		{"ArnLike", []string{"arn:aws:s3:::b"}, none, false},
		{"ArnNotLike", []string{"arn:aws:s3:::b"}, []string{"arn:aws:s3:::c"}, true},
		{"ArnNotLike", []string{"arn:aws:s3:::*"}, []string{"arn:aws:s3:::c"}, false},
		{"ArnNotEquals", []string{"arn:aws:s3:::b"}, none, true},
		{"ArnLikeIfExists", []string{"arn:aws:s3:::b"}, none, true},
		{"Bool", []string{"true"}, []string{"true"}, true},
		{"Bool", []string{"false"}, []string{"true"}, false},
		{"Bool", []string{"False"}, []string{"false"}, true},
		{"Bool", []string{"false"}, none, false},
		{"BoolIfExists", []string{"false"}, none, true},
		{"NumericEquals", []string{"10"}, []string{"10.0"}, true},
		{"NumericEquals", []string{"10"}, []string{"x"}, false},
		{"NumericNotEquals", []string{"10"}, []string{"11"}, true},
		{"NumericNotEquals", []string{"10"}, []string{"10"}, false},
		{"NumericLessThan", []string{"10"}, []string{"9"}, true},
		{"NumericLessThan", []string{"10"}, []string{"10"}, false},
		{"NumericLessThanEquals", []string{"10"}, []string{"10"}, true},
		{"NumericGreaterThan", []string{"10"}, []string{"11"}, true},
		{"NumericGreaterThan", []string{"10"}, []string{"10"}, false},
		{"NumericGreaterThanEquals", []string{"10"}, []string{"10"}, true},
		{"NumericLessThanIfExists", []string{"10"}, none, true},
		{"DateEquals", []string{"2026-01-02T00:00:00Z"}, []string{"2026-01-02"}, true},
		{"DateNotEquals", []string{"2026-01-02"}, []string{"2026-01-03"}, true},
		{"DateLessThan", []string{"2026-01-02T00:00:00Z"}, []string{"2026-01-01T23:59:59Z"}, true},
		{"DateLessThan", []string{"2026-01-02T00:00:00Z"}, []string{"2026-01-02T00:00:00Z"}, false},
		{"DateLessThanEquals", []string{"2026-01-02"}, []string{"2026-01-02T00:00:00Z"}, true},
		{"DateGreaterThan", []string{"2026-01-02"}, []string{"2026-01-02T00:00:01Z"}, true},
		{"DateGreaterThanEquals", []string{"1767312000"}, []string{"2026-01-02T00:00:00Z"}, true},
		{"DateGreaterThan", []string{"2026-01-02"}, []string{"soon"}, false},
		{"BinaryEquals", []string{"QQ=="}, []string{"QQ=="}, true},
		{"BinaryEquals", []string{"QQ=="}, []string{"Qg=="}, false},
		{"IpAddress", []string{"203.0.113.0/24"}, []string{"203.0.113.9"}, true},
		{"IpAddress", []string{"203.0.113.0/24"}, []string{"203.0.114.9"}, false},
		{"IpAddress", []string{"203.0.113.9"}, []string{"203.0.113.9"}, true},
		{"IpAddress", []string{"2001:db8::/32"}, []string{"2001:db8::1"}, true},
		{"NotIpAddress", []string{"203.0.113.0/24"}, []string{"203.0.114.9"}, true},
		{"NotIpAddress", []string{"203.0.113.0/24"}, []string{"203.0.113.9"}, false},
		{"Null", []string{"true"}, none, true},
		{"Null", []string{"true"}, []string{"x"}, false},
		{"Null", []string{"false"}, []string{"x"}, true},
		{"Null", []string{"false"}, none, false},
		{"ForAllValues:StringEquals", []string{"a", "b"}, []string{"a", "b"}, true},
		{"ForAllValues:StringEquals", []string{"a", "b"}, []string{"a", "c"}, false},
		{"ForAllValues:StringEquals", []string{"a"}, none, true},
		{"ForAllValues:StringEquals", []string{"a"}, []string{}, true},
		{"ForAllValues:StringNotEquals", []string{"a"}, []string{"b", "c"}, true},
		{"ForAllValues:StringNotEquals", []string{"a"}, []string{"b", "a"}, false},
		{"ForAllValues:StringLike", []string{"a*"}, []string{"ab", "ac"}, true},
		{"ForAnyValue:StringEquals", []string{"a"}, []string{"b", "a"}, true},
		{"ForAnyValue:StringEquals", []string{"a"}, []string{"b"}, false},
		{"ForAnyValue:StringEquals", []string{"a"}, none, false},
		{"ForAnyValue:StringNotEquals", []string{"a"}, []string{"a", "b"}, true},
		{"ForAnyValue:StringNotEquals", []string{"a"}, []string{"a"}, false},
		{"ForAnyValue:StringNotEquals", []string{"a"}, none, false},
		{"ForAnyValue:StringEqualsIfExists", []string{"a"}, none, true},
		{"ForAnyValue:ArnLike", []string{"arn:aws:s3:::*"}, []string{"arn:aws:s3:::b"}, true},
	} {
		c, err := newCondition(tt.operator, key, tt.values, true)
		if err != nil {
			t.Errorf("%s: %v", tt.operator, err)
			continue
		}
		context := Values{}
		if tt.request != nil {
			context.Set(key, tt.request...)
		}
		if got := c.holds(context); got != tt.want {
			t.Errorf("%s %v of %v: got %v", tt.operator, tt.values, tt.request, got)
		}
	}
}

func TestConditionVariables(t *testing.T) {
	t.Parallel()
	context := Values{}
	context.Set("s3:prefix", "home/ann/x")
	context.Set("aws:username", "ann")
	for _, tt := range []struct {
		value     string
		variables bool
		want      bool
	}{
		{"home/${aws:username}/*", true, true},
		{"home/${aws:userid}/*", true, false},
		{"home/${aws:userid, 'ann'}/*", true, true},
		{"home/${aws:username}/*", false, false},
	} {
		c, err := newCondition("StringLike", "s3:prefix", []string{tt.value}, tt.variables)
		if err != nil {
			t.Fatal(err)
		}
		if got := c.holds(context); got != tt.want {
			t.Errorf("%s: got %v", tt.value, got)
		}
	}
}

func TestConditionRefused(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ operator, key, value string }{
		{"StringIs", "aws:SourceArn", "a"},
		{"stringequals", "aws:SourceArn", "a"},
		{"NullIfExists", "aws:SourceArn", "true"},
		{"ForAllValues:Null", "aws:SourceArn", "true"},
		{"ForSomeValues:StringEquals", "aws:SourceArn", "a"},
		{"StringEquals", "aws:SourceArm", "a"},
		{"StringEquals", "aws:RequestTag/", "a"},
		{"StringEquals", "aws:SourceVpce", "vpce-1"},
		{"NumericEquals", "aws:SourceArn", "a"},
		{"DateLessThan", "aws:SourceArn", "tomorrow"},
		{"Bool", "aws:SourceArn", "yes"},
		{"IpAddress", "aws:SourceIp", "203.0.113.0/99"},
		{"BinaryEquals", "aws:SourceArn", "?"},
		{"StringEquals", "aws:SourceArn", "${aws:nobody}"},
	} {
		if _, err := newCondition(tt.operator, tt.key, []string{tt.value}, true); err == nil {
			t.Errorf("%s of %s with %q is taken", tt.operator, tt.key, tt.value)
		}
	}
	if _, err := newCondition("StringEquals", "aws:SourceArn", nil, true); err == nil {
		t.Error("a condition without values is taken")
	}
}
