package target

import "strings"

// ServiceKey names an ECS service, given by names or ARNs, in locks and in the names
// of parameters: ecs/CLUSTER/SERVICE. However it is given, the key is the same.
// Account and region are those of the table that the lock is in.
func ServiceKey(cluster, service string) string {
	return "ecs/" + last(cluster, "/") + "/" + last(service, "/")
}

// FunctionKey names an alias of a Lambda function, given by its name, ARN or partial
// ARN (API_GetFunction of the Lambda API reference): lambda/FUNCTION/ALIAS.
func FunctionKey(function, alias string) string {
	if _, behind, is := strings.Cut(function, ":function:"); is {
		function, _, _ = strings.Cut(behind, ":")
	}
	return "lambda/" + last(function, ":") + "/" + alias
}

// last is what follows the last separator.
func last(s, separator string) string { return s[strings.LastIndex(s, separator)+1:] }
