package lambda

import (
	"context"
	"fmt"
	"net/http"

	"sensor-backend/emulator/awsapi"
)

// Roles takes the roles of functions. Source is the function's ARN.
type Roles interface {
	Take(ctx context.Context, region, role, name, source string) (Role, error)
}

// Role is a role that was taken for a function.
type Role interface {
	// Keys are what the function signs with.
	Keys() (key, secret, token string)
	// May says whether the role may do something; the error is AWS's.
	May(ctx context.Context, action, resource string, conditions map[string]string) error
}

// take takes the role of a function and decrypts its environment in the role's name.
func (s *Service) take(ctx context.Context, region string, c configuration) (Role, error) {
	if s.config.Roles == nil {
		return nil, nil
	}
	role, err := s.config.Roles.Take(ctx, region, c.Role, c.FunctionName, c.FunctionARN)
	if err != nil {
		return nil, &awsapi.Error{
			Status: http.StatusForbidden, Code: "AccessDeniedException",
			Message: fmt.Sprintf("The role defined for the function cannot be assumed by Lambda. (%v)", err),
		}
	}
	if c.KeyARN != "" && len(c.Environment.Variables) > 0 {
		err := role.May(ctx, "kms:Decrypt", c.KeyARN, map[string]string{
			"kms:ViaService": "lambda." + region + ".amazonaws.com", "kms:EncryptionContext:aws:lambda:FunctionArn": invokedARN(c, ""),
		})
		if err != nil {
			return nil, &awsapi.Error{
				Status: http.StatusBadGateway, Code: "KMSAccessDeniedException",
				Message: fmt.Sprintf("Lambda was unable to decrypt the environment variables because KMS access was denied. Please check the function's KMS key settings. KMS Exception: AccessDeniedException KMS Message: %v", err),
			}
		}
	}
	if c.Tracing.Mode == "Active" {
		// Lambda sends traces in the role's name, and does without where it may not.
		for _, action := range [...]string{"xray:PutTraceSegments", "xray:PutTelemetryRecords"} {
			if err := role.May(ctx, action, "*", nil); err != nil {
				s.log.Warn("sending traces", "function", c.FunctionName, "error", err)
			}
		}
	}
	return role, nil
}

// mayLog says whether the role may write the function's log: one that may not runs
// without.
func (s *Service) mayLog(ctx context.Context, role Role, region, group, stream string) bool {
	if role == nil {
		return true
	}
	for _, action := range [...]string{"logs:CreateLogStream", "logs:PutLogEvents"} {
		if err := role.May(ctx, action, logARN(region, group, stream), nil); err != nil {
			s.log.Warn("a function may not write its log", "group", group, "error", err)
			return false
		}
	}
	return true
}

func logARN(region, group, stream string) string {
	return "arn:aws:logs:" + region + ":" + awsapi.DefaultAccount + ":log-group:" + group + ":log-stream:" + stream
}

// keys are the variables that hold the role's keys, or the administrator's where
// nobody takes roles.
func keys(role Role) []string {
	if role == nil {
		return []string{"AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test"}
	}
	key, secret, token := role.Keys()
	return []string{"AWS_ACCESS_KEY_ID=" + key, "AWS_SECRET_ACCESS_KEY=" + secret, "AWS_SESSION_TOKEN=" + token}
}
