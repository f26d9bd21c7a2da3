// A Go program talks to a live server: place, pay, advance, refuse, repeat, watch.
//
// HOLDFAST_ADDRESS and HOLDFAST_TOKEN name the server; tests/clients/test_clients.py
// starts one and runs this with `go test`.
package client

import (
	"context"
	"fmt"
	"io"
	"os"
	"testing"
	"time"

	pb "holdfast.test/client/holdfastv1"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// Only UNAVAILABLE is tried again, with the same request_id in the message.
const serviceConfig = `{"methodConfig": [{"name": [{"service": "holdfast.v1.OrderService"}],
 "retryPolicy": {"maxAttempts": 4, "initialBackoff": "0.05s", "maxBackoff": "1s",
 "backoffMultiplier": 2, "retryableStatusCodes": ["UNAVAILABLE"]}}]}`

func dial(t *testing.T, more ...grpc.DialOption) (*grpc.ClientConn, context.Context) {
	t.Helper()
	address, token := os.Getenv("HOLDFAST_ADDRESS"), os.Getenv("HOLDFAST_TOKEN")
	if address == "" {
		t.Skip("HOLDFAST_ADDRESS is not set; run tests/clients/test_clients.py")
	}
	connection, err := grpc.NewClient(address, append(more,
		grpc.WithTransportCredentials(insecure.NewCredentials()), Keepalive,
		grpc.WithDefaultServiceConfig(serviceConfig))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { connection.Close() })
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	t.Cleanup(cancel)
	return connection, metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+token)
}

func requestID(t *testing.T, step string) string {
	return fmt.Sprintf("go-%s-%s-%d", t.Name(), step, time.Now().UnixNano())
}

func place(t *testing.T, number string, quantity int64) *pb.PlaceOrderRequest {
	return &pb.PlaceOrderRequest{
		RequestId:     requestID(t, number),
		OrderNumber:   number,
		SourceChannel: pb.SourceChannel_SOURCE_CHANNEL_TAOBAO,
		Urgency:       pb.Urgency_URGENCY_NORMAL,
		Lines:         []*pb.OrderLine{{Sku: "go-cup", Quantity: quantity}},
	}
}

func TestAnOrderLives(t *testing.T) {
	connection, ctx := dial(t)
	stock, orders := pb.NewStockServiceClient(connection), pb.NewOrderServiceClient(connection)
	parcels := pb.NewParcelServiceClient(connection)
	_, err := stock.ReceiveStock(ctx, &pb.ReceiveStockRequest{
		RequestId: requestID(t, "stock"), Sku: "go-cup", Warehouse: "hz", Quantity: 3})
	if err != nil {
		t.Fatal(err)
	}
	number := fmt.Sprintf("go-%d", time.Now().UnixNano())
	request := place(t, number, 2)
	placed, err := orders.PlaceOrder(ctx, request)
	if err != nil {
		t.Fatal(err)
	}
	if placed.Receipt.Durability != pb.Durability_DURABILITY_SYNCED {
		t.Errorf("the reply waited for %v", placed.Receipt.Durability)
	}
	again, err := orders.PlaceOrder(ctx, request)
	if err != nil || !again.Receipt.Replayed || again.Receipt.Seq != placed.Receipt.Seq {
		t.Errorf("a repeated request got %v, %v", again, err)
	}
	if _, err := orders.ConfirmPayment(ctx, &pb.ConfirmPaymentRequest{
		RequestId: requestID(t, "pay"), OrderNumber: number}); err != nil {
		t.Fatal(err)
	}
	advanced, err := parcels.AdvanceParcel(ctx, &pb.AdvanceParcelRequest{
		RequestId: requestID(t, "scan"), ParcelId: number + "/1", Actor: "anna",
		Role: pb.Role_ROLE_REVIEWER, Node: pb.Node_NODE_WAREHOUSE_ASSIGNED})
	if err != nil {
		t.Fatal(err)
	}
	if next := advanced.Parcel.Next.Node; next != pb.Node_NODE_WAVE_ASSIGNED {
		t.Errorf("next is %v", next)
	}
}

func TestARefusalTellsReasonAndFacts(t *testing.T) {
	connection, ctx := dial(t)
	_, err := pb.NewOrderServiceClient(connection).PlaceOrder(ctx, place(t, "go-short", 1000))
	refused := status.Convert(err)
	if refused.Code() != codes.FailedPrecondition {
		t.Fatalf("got %v", err)
	}
	for _, detail := range refused.Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok {
			if info.Reason != "STOCK_INSUFFICIENT" || info.Metadata["asked"] != "1000" {
				t.Errorf("got %v", info)
			}
			return
		}
	}
	t.Error("no ErrorInfo")
}

func TestEventsAreWatchedFromTheBeginning(t *testing.T) {
	connection, ctx := dial(t)
	stream, err := pb.NewEventServiceClient(connection).WatchEvents(ctx,
		&pb.WatchEventsRequest{Types: []string{"StockReceived"}, HeartbeatMs: 200})
	if err != nil {
		t.Fatal(err)
	}
	for {
		item, err := stream.Recv()
		if err == io.EOF || err != nil {
			t.Fatal(err)
		}
		if event := item.GetEvent(); event != nil {
			if len(event.Movements) != 1 {
				t.Errorf("got %v", event)
			}
			return
		}
	}
}
