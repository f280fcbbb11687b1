package rollout

import "strings"

// ShortName is the last part of an ARN, such as sensor-api:7.
func ShortName(arn string) string { return arn[strings.LastIndexByte(arn, '/')+1:] }
