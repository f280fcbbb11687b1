package ready

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"
)

// unconfirmed is what SNS writes for the ARN of a subscription that its receiver has
// not confirmed (API ListSubscriptionsByTopic).
const unconfirmed = "PendingConfirmation"

// Alarms checks that somebody gets the alarms: each mail address has confirmed a
// subscription to one of the topics.
func Alarms(api sns.ListSubscriptionsByTopicAPIClient, c Caller, topics, mails []string) Check {
	const name = "alarms"
	return Check{Name: name, Advice: true, Look: func(ctx context.Context) ([]Line, error) {
		if len(mails) == 0 {
			return []Line{{Check: name, State: Skipped, Detail: "nobody gets them: the variable file names no mail address"}}, nil
		}
		confirmed, topicsThere := map[string]bool{}, 0
		for _, topic := range topics {
			pages := sns.NewListSubscriptionsByTopicPaginator(api, &sns.ListSubscriptionsByTopicInput{TopicArn: aws.String(c.named("sns", topic))})
			for pages.HasMorePages() {
				page, err := pages.NextPage(ctx)
				if missing(err) {
					break
				}
				if err != nil {
					return nil, err
				}
				topicsThere++
				for _, subscription := range page.Subscriptions {
					if aws.ToString(subscription.SubscriptionArn) != unconfirmed {
						confirmed[aws.ToString(subscription.Endpoint)] = true
					}
				}
			}
		}
		if topicsThere == 0 {
			return []Line{{Check: name, State: Skipped, Detail: "the first apply makes their topic; then confirm the mail that SNS sends to " + strings.Join(mails, ", ")}}, nil
		}
		var open []string
		for _, mail := range mails {
			if !confirmed[mail] {
				open = append(open, mail)
			}
		}
		if len(open) > 0 {
			return []Line{{
				Check: name, State: Failed, Detail: "not confirmed by " + strings.Join(open, ", "),
				Remedy: "open the mail \"AWS Notification - Subscription Confirmation\" there and confirm it",
			}}, nil
		}
		return []Line{{Check: name, State: OK, Detail: fmt.Sprintf("confirmed by %s", strings.Join(mails, ", "))}}, nil
	}}
}
