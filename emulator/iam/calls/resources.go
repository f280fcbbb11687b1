package calls

import (
	"context"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"sensor-backend/emulator/awsapi"
)

// anything stands for the part of a name that the request does not tell, such as
// the id of what is only to be made.
const anything = "*"

// parameters are those that fill a variable of the ARNs of a service, where they
// are not called as the variable.
func parameters(service, variable string) []string {
	switch service + "." + variable {
	case "acm.CertificateId":
		return []string{"CertificateArn"}
	case "application-autoscaling.ResourceId":
		return nil // not the target's own id
	case "budgets.BudgetName":
		return []string{"BudgetName", "Budget.BudgetName", "NewBudget.BudgetName"}
	case "cloudwatch.AlarmName":
		return []string{"AlarmName", "AlarmNames"}
	case "cloudwatch.DashboardName":
		return []string{"DashboardName", "DashboardNames"}
	case "dynamodb.TableName":
		return []string{"TableName", "TransactItems.Put.TableName", "TransactItems.Update.TableName", "TransactItems.Delete.TableName", "TransactItems.ConditionCheck.TableName", "TransactItems.Get.TableName"}
	case "ec2.SecurityGroupId":
		return []string{"GroupId", "SecurityGroupId", "SecurityGroup"}
	case "ec2.SecurityGroupRuleId":
		return []string{"SecurityGroupRuleId", "SecurityGroupRule.SecurityGroupRuleId"}
	case "ec2.VpcFlowLogId":
		return []string{"FlowLogId"}
	case "ec2.NaclId":
		return []string{"NetworkAclId"}
	case "ecr.RepositoryName":
		return []string{"repositoryName", "repositoryNames"}
	case "ecs.ClusterName":
		return []string{"cluster", "clusterName", "clusters"}
	case "ecs.ServiceName":
		return []string{"service", "serviceName", "services"}
	case "ecs.TaskDefinitionFamilyName":
		return []string{"taskDefinition", "taskDefinitions", "family"}
	case "ecs.TaskId":
		return []string{"task", "tasks"}
	case "ecs.ServiceDeploymentId":
		return []string{"serviceDeploymentArn", "serviceDeploymentArns"}
	case "ecs.ServiceRevisionId":
		return []string{"serviceRevisionArn", "serviceRevisionArns"}
	case "iam.RoleNameWithPath":
		return []string{"RoleName", "PolicySourceArn"}
	case "iam.PolicyNameWithPath":
		return []string{"PolicyArn", "PolicyName"}
	case "iam.UserNameWithPath":
		return []string{"UserName"}
	case "kms.Alias":
		return []string{"AliasName"}
	case "kms.KeyId":
		return []string{"KeyId", "TargetKeyId", "SourceKeyId", "DestinationKeyId"}
	case "logs.LogGroupName":
		return []string{"logGroupName", "logGroupIdentifier"}
	case "logs.LogStreamName":
		return []string{"logStreamName"}
	case "redshift.ClusterName":
		return []string{"ClusterIdentifier"}
	case "redshift.SubnetGroupName":
		return []string{"ClusterSubnetGroupName"}
	case "s3.BucketName":
		return []string{"Bucket"}
	case "secretsmanager.SecretId":
		return []string{"SecretId", "Name"}
	case "sns.TopicName":
		return []string{"TopicArn", "Name"}
	case "ssm.ParameterNameWithoutLeadingSlash":
		return []string{"Name", "Names"}
	case "sts.RoleNameWithPath":
		return []string{"RoleArn"}
	}
	return []string{variable}
}

// given are the parameters that hold the ARN, or for EC2 the id, of the very
// resources that an operation is about.
var given = []string{
	"resourceArn", "ResourceArn", "ResourceARN", "ResourceArns", "Resource", "ResourceName", "ResourceId",
	"LoadBalancerArn", "LoadBalancerArns", "ListenerArn", "ListenerArns", "TargetGroupArn", "TargetGroupArns", "RuleArn", "RuleArns",
	"OpenIDConnectProviderArn", "SubscriptionArn", "serviceDeploymentArn", "serviceDeploymentArns", "serviceRevisionArns",
}

// resources are the ARNs that an action of a request is about.
func (d *Reader) resources(ctx context.Context, q *request, a action) ([]string, error) {
	if found, own, err := d.special(ctx, q, a); own || err != nil {
		return found, err
	}
	if len(a.bound) == 0 {
		return []string{anything}, nil
	}
	kinds := d.table[q.service].kinds
	whole := q.wholes(q.all(given...))
	// A resource of the only kind is named by one of its own parameters, or whole.
	only := len(a.bound) == 1
	var found []string
	for _, b := range a.bound {
		for _, arn := range q.fill(kinds[b.kind], b.required && !only || only && len(whole) == 0) {
			if !slices.Contains(found, arn) {
				found = append(found, arn)
			}
		}
	}
	if len(found) == 0 {
		// Tags and the like are of resources of any kind.
		found = whole
	}
	switch {
	case len(found) > 0:
	case q.service == "ec2":
		// An association tells only its own id, not that of what it joins.
		found = []string{q.expand(kinds[a.bound[0].kind], "", "")}
	default:
		found = []string{anything}
	}
	return found, nil
}

var variable = regexp.MustCompile(`\$\{(\w+)\}`)

// fill makes the ARNs of a pattern for all that the request names of its last
// variable. What is not named is *, and without required then none is made.
func (q *request) fill(pattern string, required bool) []string {
	names := variable.FindAllStringSubmatch(pattern, -1)
	last := names[len(names)-1][1]
	if last == "TaskDefinitionRevisionNumber" {
		last = "TaskDefinitionFamilyName"
	}
	var all []string
	for _, value := range q.named(last, pattern) {
		if strings.HasPrefix(value, "arn:") {
			all = append(all, value)
			continue
		}
		all = append(all, q.expand(pattern, last, value))
	}
	if len(all) == 0 && required {
		all = append(all, q.expand(pattern, last, q.other(last)))
	}
	return all
}

// named are the values that the request has for a variable: from its own
// parameters, or out of an ARN that holds it.
func (q *request) named(name, pattern string) []string {
	values := q.all(parameters(q.service, name)...)
	if name == "ClusterName" && q.service == "ecs" && len(values) == 0 && len(q.all(given...)) == 0 && strings.Contains(pattern, ":cluster/") {
		values = []string{"default"}
	}
	for _, value := range q.all(given...) {
		if sameKind(value, pattern) && !slices.Contains(values, value) {
			values = append(values, value)
		}
	}
	return values
}

// sameKind says whether an ARN is of the kind that a pattern makes.
func sameKind(arn, pattern string) bool {
	if !strings.HasPrefix(arn, "arn:") {
		return false
	}
	const resource = 5
	have, want := strings.SplitN(arn, ":", resource+1), strings.SplitN(pattern, ":", resource+1)
	if len(have) <= resource || len(want) <= resource || have[2] != want[2] {
		return false
	}
	kind, _, _ := strings.Cut(want[resource], "${")
	if kind == "" {
		return !strings.Contains(have[resource], ":")
	}
	return strings.HasPrefix(have[resource], kind)
}

// expand fills a pattern: last with value, the other variables with what the
// request has of them.
func (q *request) expand(pattern, last, value string) string {
	revision := anything
	if last == "TaskDefinitionFamilyName" {
		if family, number, numbered := strings.Cut(value, ":"); numbered {
			value, revision = family, number
		}
	}
	return variable.ReplaceAllStringFunc(pattern, func(v string) string {
		switch name := v[2 : len(v)-1]; name {
		case "Partition":
			return "aws"
		case "Region":
			return q.region
		case "Account":
			return awsapi.DefaultAccount
		case "TaskDefinitionRevisionNumber":
			return revision
		case last:
			return trimName(q.service, name, value)
		default:
			return q.other(name)
		}
	})
}

// other is the value of a variable beside the last.
func (q *request) other(name string) string {
	if value := q.first(parameters(q.service, name)...); value != "" {
		return trimName(q.service, name, value)
	}
	if q.service != "ecs" {
		return anything
	}
	// An ARN of a part of a service holds the names of service and cluster.
	for _, value := range q.all("serviceDeploymentArn", "serviceDeploymentArns", "serviceRevisionArns", "service", "services", "task", "tasks") {
		parts := strings.Split(value, "/")
		switch {
		case name == "ClusterName" && len(parts) >= 3:
			return parts[1]
		case name == "ServiceName" && len(parts) >= 4:
			return parts[2]
		}
	}
	if name == "ClusterName" {
		return "default"
	}
	return anything
}

// trimName makes the name in an ARN of what a parameter holds.
func trimName(service, name, value string) string {
	switch {
	case strings.HasPrefix(value, "arn:"):
		return value[strings.LastIndexAny(value, ":/")+1:]
	case service == "ssm":
		return strings.TrimPrefix(value, "/")
	case service == "kms" && name == "Alias":
		return strings.TrimPrefix(value, "alias/")
	}
	return value
}

// whole is the ARN of a resource that is named by ARN, or by one of EC2's ids.
func (q *request) whole(value string) string {
	if strings.HasPrefix(value, "arn:") {
		if q.service == "sns" {
			// A subscription is its topic's.
			if parts := strings.Split(value, ":"); len(parts) == 7 {
				return strings.Join(parts[:6], ":")
			}
		}
		return value
	}
	prefix, _, _ := strings.Cut(value, "-")
	kind := map[string]string{
		"vpc": "vpc", "subnet": "subnet", "rtb": "route-table", "igw": "internet-gateway", "sg": "security-group",
		"sgr": "security-group-rule", "eipalloc": "elastic-ip", "nat": "natgateway", "vpce": "vpc-endpoint", "fl": "vpc-flow-log",
		"eni": "network-interface", "acl": "network-acl", "i": "instance",
	}[prefix]
	if kind == "" {
		return anything
	}
	return q.arn("ec2", kind+"/"+value)
}

// special are the resources of the actions that the reference's patterns do not
// tell; own is false for the rest.
func (d *Reader) special(ctx context.Context, q *request, a action) (found []string, own bool, err error) {
	switch q.service {
	case "s3":
		return s3Resources(q, a)
	case "sqs":
		if address := q.first("QueueUrl"); address != "" {
			return []string{q.arn("sqs", address[strings.LastIndexByte(address, '/')+1:])}, true, nil
		}
	case "kms":
		return d.keyResources(ctx, q, a)
	case "lambda":
		if name := q.first("FunctionName"); name != "" {
			return []string{q.function(name)}, true, nil
		}
	case "logs":
		return logResources(q, a)
	case "elasticloadbalancing":
		return balancerResources(q, a)
	case "iam":
		if name := q.first("Url"); a.name == "CreateOpenIDConnectProvider" && name != "" {
			return []string{"arn:aws:iam::" + awsapi.DefaultAccount + ":oidc-provider/" + strings.TrimPrefix(name, "https://")}, true, nil
		}
		if a.name == "CreateServiceLinkedRole" {
			return []string{LinkedRole(q.first("AWSServiceName"))}, true, nil
		}
		// A policy that is attached to a role is a condition, not a resource.
		if role := q.first("RoleName"); role != "" {
			return []string{"arn:aws:iam::" + awsapi.DefaultAccount + ":role" + pathOf(q) + role}, true, nil
		}
	case "dynamodb":
		if tables := q.tables(); len(tables) > 0 {
			return tables, true, nil
		}
	case "ec2":
		switch a.name {
		case "DisassociateRouteTable":
			return []string{q.arn("ec2", "route-table/"+anything)}, true, nil
		case "CreateFlowLogs":
			return append([]string{q.arn("ec2", "vpc-flow-log/*")}, q.wholes(q.all("ResourceId"))...), true, nil
		}
	case "ecs":
		if a.name == "ListTasks" {
			return []string{q.arn("ecs", "container-instance/"+q.other("ClusterName")+"/*")}, true, nil
		}
	}
	return nil, false, nil
}

func (q *request) wholes(values []string) []string {
	all := make([]string, 0, len(values))
	for _, value := range values {
		if strings.HasPrefix(value, "arn:") || q.service == "ec2" {
			all = append(all, q.whole(value))
		}
	}
	return all
}

func pathOf(q *request) string {
	if path := q.first("Path"); path != "" {
		return path
	}
	return "/"
}

func s3Resources(q *request, a action) ([]string, bool, error) {
	bucket := q.first("Bucket")
	if bucket == "" || len(a.bound) == 0 || q.first("ResourceArn") != "" {
		return nil, false, nil
	}
	arn := "arn:aws:s3:::" + bucket
	if a.bound[0].kind != "object" {
		return []string{arn}, true, nil
	}
	keys := q.all("Key")
	if a.name == "DeleteObjectVersion" && q.operation == "DeleteObjects" {
		keys = q.all("VersionedKey")
	}
	found := make([]string, 0, len(keys))
	for _, key := range keys {
		found = append(found, arn+"/"+key)
	}
	return found, true, nil
}

// keyResources are keys by their ids, whatever they were named by.
func (d *Reader) keyResources(ctx context.Context, q *request, a action) ([]string, bool, error) {
	if len(a.bound) == 0 {
		return nil, false, nil
	}
	names := q.all("KeyId", "TargetKeyId")
	switch a.name {
	case "ReEncryptFrom":
		names = q.all("SourceKeyId")
	case "ReEncryptTo":
		names = q.all("DestinationKeyId")
	}
	var found []string
	for _, name := range names {
		arn, _, err := d.facts.Key(ctx, q.region, name)
		if err != nil {
			return nil, true, err
		}
		if arn == "" {
			arn = q.arn("kms", "key/"+anything)
		}
		found = append(found, arn)
	}
	if alias := q.first("AliasName"); alias != "" {
		found = append(found, q.arn("kms", alias))
	}
	if len(found) == 0 {
		// What is encrypted names its key itself; here it is not known.
		found = []string{q.arn("kms", "key/"+anything)}
	}
	return found, true, nil
}

// function is the ARN of a function with the qualifier that the request has.
func (q *request) function(name string) string {
	qualifier := q.first("Qualifier")
	if i := strings.Index(name, ":function:"); i >= 0 {
		name = name[i+len(":function:"):]
	} else if rest, found := strings.CutPrefix(name, "function:"); found {
		name = rest
	}
	if base, own, found := strings.Cut(name, ":"); found {
		name, qualifier = base, own
	}
	if qualifier != "" {
		name += ":" + qualifier
	}
	return q.arn("lambda", "function:"+name)
}

// logResources follow what CloudWatch Logs says in its refusals: but for tags, a
// log group is named with its streams.
func logResources(q *request, a action) ([]string, bool, error) {
	if len(a.bound) == 0 {
		return nil, false, nil
	}
	if arn := q.first("resourceArn"); arn != "" {
		return []string{arn}, true, nil
	}
	name := q.first("logGroupName", "logGroupIdentifier")
	if i := strings.Index(name, ":log-group:"); i >= 0 {
		name = strings.TrimSuffix(name[i+len(":log-group:"):], ":*")
	}
	if name == "" {
		name = anything
	}
	group := q.arn("logs", "log-group:"+name)
	if strings.Contains(a.name, "Tag") {
		return []string{group}, true, nil
	}
	stream := ""
	if a.bound[0].kind == "log-stream" {
		stream = q.first("logStreamName")
	}
	return []string{group + ":log-stream:" + stream}, true, nil
}

// balancerResources are those of what is made: only its name is known.
func balancerResources(q *request, a action) ([]string, bool, error) {
	var kind string
	switch a.name {
	case "CreateLoadBalancer":
		kind = "loadbalancer/app/"
		if q.first("Type") == "network" {
			kind = "loadbalancer/net/"
		}
	case "CreateTargetGroup":
		kind = "targetgroup/"
	default:
		// The reference knows only classic ones for some; what reads names none.
		if found := q.all(given...); len(found) > 0 && !reads(a.name) {
			return found, true, nil
		}
		return nil, false, nil
	}
	return []string{q.arn("elasticloadbalancing", kind+q.first("Name")+"/"+anything)}, true, nil
}

// tables are those that a batch or transaction names.
func (q *request) tables() []string {
	var names []string
	if items, ok := q.document["RequestItems"].(map[string]any); ok {
		for name := range items {
			names = append(names, name)
		}
		slices.Sort(names)
	} else {
		names = q.all(parameters("dynamodb", "TableName")...)
	}
	arns := make([]string, 0, len(names))
	for _, name := range names {
		if !strings.HasPrefix(name, "arn:") {
			name = q.arn("dynamodb", "table/"+name)
		}
		if index := q.first("IndexName"); index != "" {
			name += "/index/" + index
		}
		arns = append(arns, name)
	}
	return arns
}

// LinkedRole is the ARN of the role that is linked to a service, as AWS names it.
func LinkedRole(service string) string {
	name := map[string]string{
		"ecs.amazonaws.com":                         "AWSServiceRoleForECS",
		"elasticloadbalancing.amazonaws.com":        "AWSServiceRoleForElasticLoadBalancing",
		"ecs.application-autoscaling.amazonaws.com": "AWSServiceRoleForApplicationAutoScaling_ECSService",
		"redshift.amazonaws.com":                    "AWSServiceRoleForRedshift",
	}[service]
	if name == "" {
		name = anything
	}
	return "arn:aws:iam::" + awsapi.DefaultAccount + ":role/aws-service-role/" + service + "/" + name
}

// decoded is a value as it was before it was put into an address.
func decoded(value string) string {
	if plain, err := url.PathUnescape(value); err == nil {
		return plain
	}
	return value
}
