package moto

import "testing"

// TestSigningNames has the prefix of X-Amz-Target and the signing name of each JSON
// service that the edge asks, as AWS's service models have them.
func TestSigningNames(t *testing.T) {
	t.Parallel()
	for target, want := range map[string]string{
		"AmazonEC2ContainerServiceV20141113.ListTasks":        "ecs",
		"AmazonEC2ContainerRegistry_V20150921.DescribeImages": "ecr",
		"AnyScaleFrontendService.RegisterScalableTarget":      "application-autoscaling",
		"AmazonSQS.SendMessage":                               "sqs",
		"AmazonSSM.GetParameter":                              "ssm",
		"AWSBudgetServiceGateway.DescribeBudget":              "budgets",
		"TrentService.DescribeKey":                            "kms",
		"Logs_20140328.PutLogEvents":                          "logs",
		"DynamoDB_20120810.DescribeTable":                     "dynamodb",
		"secretsmanager.GetSecretValue":                       "secretsmanager",
	} {
		if got := signingName(target); got != want {
			t.Errorf("%s: got %s, want %s", target, got, want)
		}
	}
}
