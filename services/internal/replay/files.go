package replay

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"unicode/utf16"

	"sensor-backend/services/internal/objectkey"
	"sensor-backend/services/internal/parse"
	"sensor-backend/services/internal/reading"
	"sensor-backend/services/internal/s3event"
)

// files are files and events, which the processor reads: they are tried on its
// own readers, in this process.
func files() []trial {
	const at = "2026-03-01 12:00:00"
	var all []trial
	file := func(name string, format objectkey.Format, content, want string) {
		all = append(all, trial{"file: " + name, func(context.Context, *api) error {
			if got := outcome(format, content); !strings.Contains(got, want) || want == "" && got != "" {
				return fmt.Errorf("read as %q, want %q", got, want)
			}
			return nil
		}})
	}
	file("empty sensor", objectkey.CSV, "sensor_id,metric,timestamp,value\nb,t,"+at+",1\n,t,"+at+",2\n", "b/t=1 bad(sensor_id is missing)")
	file("SensorID", objectkey.CSV, "SensorID,Metric,Timestamp,Value\nb,t,"+at+",1\n", "b/t=1")
	file("device", objectkey.CSV, "device,metric,timestamp,value\nb,t,"+at+",1\n", "b/t=1")
	file("sensor id", objectkey.CSV, "sensor id,metric,timestamp,value\nb,t,"+at+",1\n", "b/t=1")
	file("unknown column beside a missing id", objectkey.CSV, "machine,timestamp,value\nb,"+at+",1\n", `failed(the header has no column sensor_id, and the unknown column "machine"`)
	file("NDJSON sensorId", objectkey.JSON, `{"sensorId":"b","timestamp":"`+at+`","value":1}`, "bad(sensor_id is missing")
	file("NDJSON value and Value", objectkey.JSON, `{"timestamp":"`+at+`","value":21.5,"Value":99}`, "folder/value=21.5")
	file("NDJSON value twice", objectkey.JSON, `{"timestamp":"`+at+`","value":21.5,"value":99}`, "stands twice")
	file("header behind a comment", objectkey.CSV, "# today\nmetric,sensor_id,timestamp,value\nt,b,"+at+",1\n", "b/t=1")
	file("second header", objectkey.CSV, "b,t,"+at+",1\nmetric,sensor_id,time,value\nt,c,"+at+",2\n", "b/t=1 c/t=2")
	file("header of unknown names", objectkey.CSV, "was,wo,wann,wieviel\nt,b,"+at+",1\n", "failed(the line seems to be a header")
	file("unknown names behind data", objectkey.CSV, "b,t,"+at+",1\nwas,wo,wann,wieviel\nt,c,"+at+",2\n", "failed(the line seems to be a header")
	file("damaged row behind data", objectkey.CSV, "b,t,"+at+",1\nnot,a,valid,row\nc,t,"+at+",2\n", "c/t=2")
	file("header with a lost quotation mark", objectkey.CSV, "\"metric\",\"sensor_id\",\"timestamp\",\"value\nt,b,"+at+",1\n", "failed(the quotation marks")
	file("id for the sensor", objectkey.CSV, "id,metric,timestamp,value\nb,t,"+at+",1\n", "failed(the header has no column sensor_id")
	file("wide spaces in names", objectkey.CSV, "Sensor\u00a0ID,metric,timestamp,value\nb,t,"+at+",1\n", "b/t=1")
	file("semicolons", objectkey.CSV, "b;t;"+at+";1,5\n", "failed(the columns are separated by semicolons")
	file("tabs", objectkey.CSV, "timestamp\tvalue\n", "failed(the columns are separated by tabs")
	file("zip", objectkey.CSV, "PK\x03\x04\x14\x00", "failed(the file is a zip archive")
	file("packed twice", objectkey.CSV, pack(pack(at+",1\n")), "failed(the file is packed by gzip twice")
	file("escaped name twice", objectkey.JSON, `{"sensor_id":"a","sensor\u005fid":"b","timestamp":"`+at+`","value":1}`, "stands twice")
	file("leap second", objectkey.CSV, "2016-12-31 23:59:60,1\n", "bad(timestamp")
	file("seconds since 1970", objectkey.CSV, "timestamp,value\n1772366400,1\n", "bad(timestamp")
	file("sep=;", objectkey.CSV, "sep=;\ntimestamp;value\n", "failed(the file says sep=;")
	file("sep=,", objectkey.CSV, "sep=,\ntimestamp,value\n"+at+",1\n", "folder/value=1")
	file("UTF-16", objectkey.CSV, wide("\ufefftimestamp,value\n"+at+",1\n"), "folder/value=1")
	file("UTF-16 without a mark", objectkey.CSV, wide("timestamp,value\n"), "failed(the file is written in UTF-16")
	file("zeros behind gzip", objectkey.CSV, pack(at+",1\n")+strings.Repeat("\x00", 1024), "folder/value=1")
	file("offset of 15 hours", objectkey.CSV, "2026-03-01T12:00:00+15:00,1\n", "bad(timestamp")
	file("770 digits", objectkey.CSV, at+",0."+strings.Repeat("1", 770)+"\n", "bad(value")

	event := func(name, body string, changes int) {
		all = append(all, trial{"event: " + name, func(context.Context, *api) error {
			got, err := s3event.Changes([]byte(body))
			switch {
			case changes < 0 && err == nil:
				return fmt.Errorf("read as %d changes, want it to go back", len(got))
			case changes < 0:
				return nil
			case err == nil && len(got) != changes:
				return fmt.Errorf("read as %d changes, want %d", len(got), changes)
			}
			return err
		}})
	}
	const direct = `{"Records":[{"eventSource":"aws:s3","eventName":"ObjectCreated:Put","s3":{"bucket":{"name":"b"},"object":{"key":"incoming/a/1.csv"}}}]}`
	event("S3", direct, 1)
	event("through SNS", fmt.Sprintf(`{"Type":"Notification","Message":%q}`, direct), 1)
	event("EventBridge", `{"source":"aws.s3","detail-type":"Object Created","detail":{"bucket":{"name":"b"},"object":{"key":"incoming/a/1.csv"}}}`, 1)
	event("s3:TestEvent", `{"Service":"Amazon S3","Event":"s3:TestEvent"}`, 0)
	event("{} goes back", `{}`, -1)
	event("no records go back", `{"Records":[]}`, -1)
	event("an unheard change goes back", `{"source":"aws.s3","detail-type":"Object Enchanted","detail":{"bucket":{"name":"b"},"object":{"key":"incoming/a/1.csv"}}}`, -1)
	event("a subscription goes back", `{"Type":"SubscriptionConfirmation","Message":"m"}`, -1)
	event("words go back", `hello`, -1)
	return append(all, trial{"file: a key too long for what is made of it", func(context.Context, *api) error {
		if _, err := objectkey.Parse("incoming/a/" + strings.Repeat("x", 1005) + ".csv"); err == nil {
			return errors.New("it was taken")
		}
		return nil
	}})
}

// outcome writes what is read of a file of the sensor folder in short.
func outcome(format objectkey.Format, content string) string {
	var out []string
	options := parse.Options{Format: format, Defaults: reading.Defaults{SensorID: "folder", Metric: "value"}, Limits: parse.DefaultLimits()}
	for row, err := range parse.Rows(strings.NewReader(content), options) {
		switch {
		case err != nil:
			out = append(out, fmt.Sprintf("failed(%v)", err))
		case row.Err != nil:
			out = append(out, fmt.Sprintf("bad(%v)", row.Err))
		default:
			out = append(out, fmt.Sprintf("%s/%s=%v", row.Reading.SensorID, row.Reading.Metric, row.Reading.Value))
		}
	}
	return strings.Join(out, " ")
}

// wide writes a text as UTF-16, little end first.
func wide(text string) string {
	var out []byte
	for _, unit := range utf16.Encode([]rune(text)) {
		out = binary.LittleEndian.AppendUint16(out, unit)
	}
	return string(out)
}
