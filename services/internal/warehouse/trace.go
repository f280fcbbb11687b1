package warehouse

import (
	"context"
	"strings"

	"github.com/jackc/pgx/v5"

	"sensor-backend/services/internal/tracing"
)

// queryTracer makes spans of what pgx sends inside a span: not of probes nor of
// maintenance. Statements carry no values, which go as parameters.
type queryTracer struct{ tracer *tracing.Tracer }

type spanKey struct{}

func (q queryTracer) begin(ctx context.Context, name, statement string) context.Context {
	ctx, span := q.tracer.StartInside(ctx, tracing.Client, name)
	span.Text("db.system.name", "postgresql")
	span.Text("db.query.text", statement)
	return context.WithValue(ctx, spanKey{}, span)
}

func (queryTracer) end(ctx context.Context, rows int64, err error) {
	span, _ := ctx.Value(spanKey{}).(tracing.Span)
	span.Count("db.rows", int(rows))
	span.Fail(err)
	span.End()
}

// TraceQueryStart implements pgx.QueryTracer.
func (q queryTracer) TraceQueryStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	command, _, _ := strings.Cut(strings.TrimSpace(data.SQL), " ")
	return q.begin(ctx, strings.ToUpper(command), data.SQL)
}

// TraceQueryEnd implements pgx.QueryTracer.
func (q queryTracer) TraceQueryEnd(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryEndData) {
	q.end(ctx, data.CommandTag.RowsAffected(), data.Err)
}

// TraceBatchStart implements pgx.BatchTracer.
func (q queryTracer) TraceBatchStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceBatchStartData) context.Context {
	var statements []string
	if data.Batch != nil {
		for _, queued := range data.Batch.QueuedQueries {
			statements = append(statements, queued.SQL)
		}
	}
	return q.begin(ctx, "BATCH", strings.Join(statements, ";\n"))
}

// TraceBatchQuery implements pgx.BatchTracer; the batch is one span.
func (queryTracer) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}

// TraceBatchEnd implements pgx.BatchTracer.
func (q queryTracer) TraceBatchEnd(ctx context.Context, _ *pgx.Conn, data pgx.TraceBatchEndData) {
	q.end(ctx, 0, data.Err)
}

// TraceCopyFromStart implements pgx.CopyFromTracer.
func (q queryTracer) TraceCopyFromStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceCopyFromStartData) context.Context {
	return q.begin(ctx, "COPY", "COPY "+data.TableName.Sanitize()+" FROM STDIN")
}

// TraceCopyFromEnd implements pgx.CopyFromTracer.
func (q queryTracer) TraceCopyFromEnd(ctx context.Context, _ *pgx.Conn, data pgx.TraceCopyFromEndData) {
	q.end(ctx, data.CommandTag.RowsAffected(), data.Err)
}
