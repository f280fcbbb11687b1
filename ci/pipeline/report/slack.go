package report

import (
	"strings"
	"unicode/utf8"

	"dagger/sensor-backend/gates"
	"dagger/sensor-backend/pipeline/record"
	"dagger/sensor-backend/text"
)

// SlackMessage is a message of Slack's chat.postMessage and incoming webhooks,
// in Block Kit.
type SlackMessage struct {
	// Text is shown where blocks are not, such as in a notification.
	Text   string       `json:"text"`
	Blocks []SlackBlock `json:"blocks"`
}

// SlackBlock is a header, section, context or divider.
type SlackBlock struct {
	Type     string      `json:"type"`
	Text     *SlackText  `json:"text,omitempty"`
	Fields   []SlackText `json:"fields,omitempty"`
	Elements []SlackText `json:"elements,omitempty"`
}

// SlackText is a text object: plain_text, or mrkdwn in which &, < and > are
// escaped so that no name becomes a mention or a link.
type SlackText struct {
	Type string `json:"type"`
	Text string `json:"text"`
}

// Block Kit's limits: a header has 150 characters, a section 3000, a message 50
// blocks. A message's blocks together are refused from about 13000 characters
// on (msg_blocks_too_long), which the texts here stay far below.
const (
	slackHeader  = 150
	slackSection = 2900
	slackShare   = 2000
	slackReason  = 600
	slackFact    = 200
	slackMost    = 4
)

// Slack is the record as one message, for an incoming webhook, which has no
// threads.
func Slack(r record.Record) SlackMessage {
	m := slackOpening(r)
	m.Blocks = append(m.Blocks, slackStages(r, slackShare))
	for i, s := range failures(r) {
		if i == slackMost {
			break
		}
		m.Blocks = append(m.Blocks, slackCode(s.Name+" "+string(s.Outcome), s.Reason, slackReason))
	}
	if text := slackGates(r); text != "" {
		m.Blocks = append(m.Blocks, slackCode("Gates", text, slackReason))
	}
	return m
}

// SlackThread is the record as one message and the replies of its thread, for a
// bot: the channel sees one message a run, and the rest is in its thread.
func SlackThread(r record.Record) (opening SlackMessage, replies []SlackMessage) {
	reply := func(text string, block SlackBlock) {
		replies = append(replies, SlackMessage{Text: escape(plain(text, 200)), Blocks: []SlackBlock{block}})
	}
	reply("Stages", slackStages(r, slackSection))
	for i, s := range failures(r) {
		if i == slackMost {
			break
		}
		title := s.Name + " " + string(s.Outcome)
		reply(title, slackCode(title, s.Reason, slackSection))
	}
	if text := slackGates(r); text != "" {
		reply("Gates", slackCode("Gates", text, slackSection))
	}
	return slackOpening(r), replies
}

// slackOpening is the headline and what is known about the run.
func slackOpening(r record.Record) SlackMessage {
	title := sign(string(r.Outcome)) + " " + Headline(r)
	known := facts(r)
	blocks := []SlackBlock{{Type: "header", Text: &SlackText{"plain_text", text.Clip(title, slackHeader)}}}
	// A section has at most ten fields.
	for len(known) > 0 {
		n := min(len(known), 10)
		fields := make([]SlackText, n)
		for i, f := range known[:n] {
			fields[i] = SlackText{"plain_text", f.Name + ": " + plain(f.Value, slackFact)}
		}
		blocks = append(blocks, SlackBlock{Type: "section", Fields: fields})
		known = known[n:]
	}
	if address := link(r.By.URL); address != "" {
		blocks = append(blocks, SlackBlock{Type: "context", Elements: []SlackText{{"mrkdwn", "<" + escape(address) + "|the run>"}}})
	}
	return SlackMessage{Text: escape(text.Clip(title, slackHeader)), Blocks: blocks}
}

func slackStages(r record.Record, most int) SlackBlock {
	var b strings.Builder
	for _, s := range r.Stages {
		b.WriteString(sign(string(s.Outcome)) + " " + plain(s.Name, 40) + ", " + string(s.Outcome))
		if s.Seconds > 0 {
			b.WriteString(" after " + length(s.Seconds))
		}
		if text := plain(result(s), 100); text != "" {
			b.WriteString(": " + text)
		}
		b.WriteString("\n")
	}
	return slackCode("Stages", b.String(), most)
}

// slackGates lists the gates that did not pass.
func slackGates(r record.Record) string {
	var lines []string
	for _, g := range r.Gates {
		if g.Mode != gates.Off && g.Verdict != gates.Passed {
			lines = append(lines, plain(g.Name, 40)+", "+verdict(g)+": "+remark(g))
		}
	}
	return strings.Join(lines, "\n")
}

// slackCode is a title over a text in which nothing is taken for markup: its
// back quotes, which would end it, become apostrophes. Escaped, the text has at
// most so many characters.
func slackCode(title, body string, most int) SlackBlock {
	unquoted := strings.NewReplacer("`", "'")
	title = escape(unquoted.Replace(plain(title, 60)))
	body = text.Clip(unquoted.Replace(strings.TrimSpace(visible(body))), most)
	for utf8.RuneCountInString(escape(body)) > most {
		body = text.Clip(body, utf8.RuneCountInString(body)*3/4)
	}
	return SlackBlock{Type: "section", Text: &SlackText{"mrkdwn", title + "\n```\n" + escape(body) + "\n```"}}
}

// escape writes the three characters that mean something to Slack.
func escape(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(s)
}
