// Package client shows how a Go program talks to Holdfast; this file is there to be copied.
//
// It holds the pattern of Python's holdfast.client: while one batch is in flight the commands of
// other goroutines gather and go as the next one. One batch at a time and a queue in order of
// arrival keep the order. What got no answer is sent again with the same request_id, before
// anything newer. A command that has no others beside it goes alone (alone.go), and so does each
// of a batch that is refused as a whole; a credential that may not call BatchSubmit goes on so.
package client

import (
	"context"
	"math/rand/v2"
	"strconv"
	"time"

	pb "holdfast.test/client/holdfastv1"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

const (
	maxCommands = 1_000
	// The server takes 4 MiB; what frames a command has a few bytes of its own.
	maxBytes     = 4<<20 - maxCommands*8
	firstPause   = 50 * time.Millisecond
	longestPause = time.Second
	// Of a caller whose context has no deadline.
	longestCall = 10 * time.Second
)

var errClosed = status.Error(codes.Canceled,
	"the coalescer was closed: repeat with the same request_id to learn the outcome")

// Coalescer sends commands in batches. Any goroutine may call Submit.
type Coalescer struct {
	services Services
	calls    chan *call
	close    context.CancelFunc
	ended    chan struct{}
	// BatchSubmit is refused to this credential; known to the goroutine that sends.
	denied bool
}

type call struct {
	ctx     context.Context
	command *pb.Command
	// Has room for the one answer, so that nobody waits for a caller that has gone.
	answer chan *pb.CommandOutcome
}

// NewCoalescer starts one; ctx carries the credential, and its end closes it too.
func NewCoalescer(ctx context.Context, services Services) *Coalescer {
	ctx, cancel := context.WithCancel(ctx)
	c := &Coalescer{services: services, calls: make(chan *call, maxCommands),
		close: cancel, ended: make(chan struct{})}
	go c.run(ctx)
	return c
}

// Close fails what still waits, and returns when nothing runs any more.
func (c *Coalescer) Close() {
	c.close()
	<-c.ended
}

// Submit answers as the call of the command alone would: its outcome, or a status with ErrorInfo.
// After an error of ctx the outcome is unknown: repeat with the same request_id.
func (c *Coalescer) Submit(ctx context.Context, command *pb.Command) (*pb.CommandOutcome, error) {
	one := &call{ctx, command, make(chan *pb.CommandOutcome, 1)}
	select {
	case c.calls <- one:
	case <-ctx.Done():
		return nil, status.FromContextError(ctx.Err()).Err()
	case <-c.ended:
		return nil, errClosed
	}
	select {
	case outcome := <-one.answer:
		return told(outcome)
	case <-ctx.Done():
		return nil, status.Errorf(status.FromContextError(ctx.Err()).Code(),
			"%v: the outcome is unknown, repeat with the same request_id to learn it", ctx.Err())
	case <-c.ended:
	}
	select {
	case outcome := <-one.answer: // it came just before the end
		return told(outcome)
	default:
		return nil, errClosed
	}
}

func (c *Coalescer) run(ctx context.Context) {
	defer close(c.ended)
	var batch []*call
	var next *call
	for ctx.Err() == nil {
		if next == nil {
			select {
			case next = <-c.calls:
			case <-ctx.Done():
				return
			}
		}
		batch, next = c.gather(next)
		c.deliver(ctx, batch)
	}
}

// deliver sends a batch until each of its calls is answered or was given up by its caller.
func (c *Coalescer) deliver(ctx context.Context, batch []*call) {
	for try := 0; ctx.Err() == nil; try++ {
		if batch = living(batch); len(batch) == 0 {
			return
		}
		var pause time.Duration
		if batch, pause = settle(batch, c.send(ctx, batch), try); len(batch) > 0 {
			wait(ctx, pause)
		}
	}
}

// gather takes what waits behind the first call, within bounds; what did not fit is the next first.
func (c *Coalescer) gather(first *call) (batch []*call, next *call) {
	batch, size := []*call{first}, proto.Size(first.command)
	for len(batch) < maxCommands {
		select {
		case one := <-c.calls:
			if size += proto.Size(one.command); size > maxBytes {
				return batch, one
			}
			batch = append(batch, one)
		default:
			return batch, nil
		}
	}
	return batch, nil
}

// send gives an outcome for each call; a failure of the batch is the outcome of each.
func (c *Coalescer) send(ctx context.Context, batch []*call) []*pb.CommandOutcome {
	if len(batch) == 1 || c.denied {
		return c.alone(ctx, batch)
	}
	outcomes, err := c.together(ctx, batch)
	if err == nil {
		return outcomes
	}
	if spoilt(err) {
		code := status.Code(err)
		c.denied = code == codes.PermissionDenied || code == codes.Unimplemented
		return c.alone(ctx, batch)
	}
	outcomes = make([]*pb.CommandOutcome, len(batch))
	for index := range outcomes {
		outcomes[index] = failure(err)
	}
	return outcomes
}

func (c *Coalescer) together(ctx context.Context, batch []*call) ([]*pb.CommandOutcome, error) {
	request := &pb.BatchSubmitRequest{}
	var last time.Time
	for _, one := range batch {
		request.Commands = append(request.Commands, one.command)
		if deadline := one.deadline(); deadline.After(last) {
			last = deadline
		}
	}
	ctx, cancel := context.WithDeadline(ctx, last)
	defer cancel()
	response, err := c.services.Orders.BatchSubmit(ctx, request)
	if err == nil && len(response.Outcomes) != len(batch) {
		err = status.Errorf(codes.Internal, "%d outcomes for %d commands; repeat with the same "+
			"request_id", len(response.Outcomes), len(batch))
	}
	return response.GetOutcomes(), err
}

func (c *call) deadline() time.Time {
	if deadline, ok := c.ctx.Deadline(); ok {
		return deadline
	}
	return time.Now().Add(longestCall)
}

// settle answers the calls, except those to be tried again, and tells after what pause.
func settle(batch []*call, outcomes []*pb.CommandOutcome, try int) ([]*call, time.Duration) {
	var again []*call
	var longest time.Duration
	for index, one := range batch {
		pause, temporary := pauseOf(outcomes[index].GetRefused(), try)
		if !temporary {
			one.answer <- outcomes[index]
			continue
		}
		again = append(again, one)
		longest = max(longest, pause)
	}
	return again, longest
}

// pauseOf tells how long to wait with a refusal that passes. The others do not.
func pauseOf(refused *pb.Refused, try int) (time.Duration, bool) {
	retryMs, err := strconv.Atoi(refused.GetFacts()["retry_ms"])
	if codes.Code(refused.GetCode()) != codes.Unavailable && err != nil {
		return 0, false
	}
	grown := min(longestPause, firstPause<<min(try, 10))
	scattered := grown/2 + rand.N(grown/2)
	return max(scattered, time.Duration(retryMs)*time.Millisecond), true
}

func living(calls []*call) (left []*call) {
	for _, one := range calls {
		if one.ctx.Err() == nil {
			left = append(left, one)
		}
	}
	return left
}

func wait(ctx context.Context, pause time.Duration) {
	select {
	case <-time.After(pause):
	case <-ctx.Done():
	}
}

// failure is a call's error in the words of a batch.
func failure(err error) *pb.CommandOutcome {
	failed := status.Convert(err)
	refused := &pb.Refused{Code: int32(failed.Code()), Message: failed.Message()}
	for _, detail := range failed.Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok {
			refused.Reason, refused.Facts = info.Reason, info.Metadata
		}
	}
	return &pb.CommandOutcome{Outcome: &pb.CommandOutcome_Refused{Refused: refused}}
}

// told gives an outcome as a call alone gives it: a refusal is an error with ErrorInfo.
func told(outcome *pb.CommandOutcome) (*pb.CommandOutcome, error) {
	refused := outcome.GetRefused()
	if refused == nil {
		return outcome, nil
	}
	info := &errdetails.ErrorInfo{
		Reason: refused.Reason, Domain: "holdfast", Metadata: refused.Facts}
	detailed, err := status.New(codes.Code(refused.Code), refused.Message).WithDetails(info)
	if err != nil {
		return nil, err
	}
	return nil, detailed.Err()
}
