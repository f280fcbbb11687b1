package target

import "testing"

func TestKeys(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{ServiceKey("shop", "web"), "ecs/shop/web"},
		{ServiceKey("arn:aws:ecs:eu-central-1:123456789012:cluster/shop", "arn:aws:ecs:eu-central-1:123456789012:service/shop/web"), "ecs/shop/web"},
		{ServiceKey("shop", "arn:aws:ecs:eu-central-1:123456789012:service/web"), "ecs/shop/web"},
		{FunctionKey("thumbs", "LIVE"), "lambda/thumbs/LIVE"},
		{FunctionKey("arn:aws:lambda:eu-central-1:123456789012:function:thumbs", "LIVE"), "lambda/thumbs/LIVE"},
		{FunctionKey("arn:aws:lambda:eu-central-1:123456789012:function:thumbs:LIVE", "LIVE"), "lambda/thumbs/LIVE"},
		{FunctionKey("123456789012:function:thumbs", "LIVE"), "lambda/thumbs/LIVE"},
		{FunctionKey("123456789012:thumbs", "LIVE"), "lambda/thumbs/LIVE"},
	} {
		if c.got != c.want {
			t.Errorf("key %q, want %q", c.got, c.want)
		}
	}
}
