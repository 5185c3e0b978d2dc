// SPDX-License-Identifier: Apache-2.0
// What the server does at its bounds: bad and slow clients, floods, full streams, stopping.
#include <gmock/gmock.h>
#include <sys/wait.h>

#include <atomic>
#include <mutex>

#include "net/server_fixture.h"

namespace melon::net {
namespace {

using std::chrono::milliseconds;
using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

Answer ok(const HttpRequest&) { return HttpResponse{.body = "served"}; }

class BoundsTest : public testing::Test {
 protected:
  TestFolder folder_;
  std::string path_ = folder_ / "melon.sock";
};

TEST_F(BoundsTest, MalformedRequestsGet400WithAJsonBody) {
  RunningServer server(path_, {}, ok);
  for (const char* const text :
       {"nonsense\r\n\r\n", "GET\r\n\r\n", "GET / HTTP/9.9\r\n\r\n",
        "GET / HTTP/1.1\r\nno colon\r\n\r\n", "POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
        "GET /%zz HTTP/1.1\r\nConnection: close\r\n\r\n",
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "\x16\x03\x01\x02\r\n\r\n"}) {
    const RawClient client(path_);
    client.send(text);
    EXPECT_THAT(client.receive(),
                AllOf(StartsWith("HTTP/1.1 400 "), HasSubstr(R"("code":"invalid_argument")")))
        << text;
  }
  EXPECT_EQ(Client(path_).call("GET", "/")->body, "served");
}

TEST_F(BoundsTest, TooLargeBodiesAndHeadsAreRefusedAndTheClientLearnsIt) {
  RunningServer server(path_, {}, ok);
  const auto answer = Client(path_).call("POST", "/", std::string(10 << 20, 'x'));
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->status, 413);
  EXPECT_THAT(answer->body, HasSubstr("too_large"));

  const RawClient chunked(path_);
  chunked.send("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n");
  for (int i = 0; i < 20; ++i) chunked.send("10000\r\n" + std::string(0x10000, 'x') + "\r\n");
  EXPECT_THAT(chunked.receive(), StartsWith("HTTP/1.1 413 "));

  const RawClient long_head(path_);
  long_head.send("GET / HTTP/1.1\r\nX: " + std::string(64 << 10, 'x') + "\r\n\r\n");
  EXPECT_THAT(long_head.receive(), StartsWith("HTTP/1.1 431 "));
}

TEST_F(BoundsTest, AClientThatExpectsToBeAskedIsAsked) {
  RunningServer server(path_, {}, ok);
  const RawClient client(path_);
  client.send("POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  EXPECT_THAT(client.receive("\r\n\r\n"), StartsWith("HTTP/1.1 100 "));
  client.send("hi");
  EXPECT_THAT(client.receive("served"), StartsWith("HTTP/1.1 200 "));
}

TEST_F(BoundsTest, SlowClientsGet408AtEachStage) {
  RunningServer server(path_, {.read_timeout = milliseconds(100)}, ok);
  for (const char* const begun :
       {"", "GET / HT", "POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nabc"}) {
    const RawClient client(path_);
    client.send(begun);
    EXPECT_THAT(client.receive(), StartsWith("HTTP/1.1 408 ")) << begun;
  }
}

TEST_F(BoundsTest, AKeptConnectionThatStaysSilentIsClosedWithoutAWord) {
  RunningServer server(path_, {.idle_timeout = milliseconds(50)}, ok);
  const RawClient client(path_);
  client.send("GET / HTTP/1.1\r\n\r\n");
  client.receive("served");
  EXPECT_EQ(client.receive(), "");
}

TEST_F(BoundsTest, AClientThatNeverReadsIsDropped) {
  RunningServer server(path_, {.read_timeout = milliseconds(100)}, [](const HttpRequest&) {
    return HttpResponse{.body = std::string(8 << 20, 'x')};
  });
  const RawClient client(path_);
  client.send("GET / HTTP/1.1\r\n\r\n");
  pollfd entry{client.number(), POLLHUP, 0};  // comes although nothing was read
  EXPECT_EQ(::poll(&entry, 1, 20'000), 1);
}

TEST_F(BoundsTest, AThousandConnectionsAtOnceAreServed) {
  RunningServer server(path_, {}, ok);
  std::vector<std::unique_ptr<RawClient>> clients;
  for (int i = 0; i < 1000; ++i) clients.push_back(std::make_unique<RawClient>(path_));
  EXPECT_EQ(Client(path_).call("GET", "/")->body, "served");
  for (const auto& client : clients) client->send("GET / HTTP/1.1\r\n\r\n");
  for (const auto& client : clients) EXPECT_THAT(client->receive("served"), HasSubstr("200 OK"));
}

TEST_F(BoundsTest, SilentConnectionsMakeRoomAtTheBound) {
  RunningServer server(path_, {.max_connections = 8}, ok);
  std::vector<std::unique_ptr<RawClient>> silent;
  for (int i = 0; i < 100; ++i) silent.push_back(std::make_unique<RawClient>(path_));
  EXPECT_EQ(Client(path_).call("GET", "/")->body, "served");
}

TEST_F(BoundsTest, StreamsThatFillTheBoundMakeTheNextWaitItsTurn) {
  std::vector<std::shared_ptr<EventSink>> sinks;
  RunningServer server(path_, {.max_connections = 2}, [&](const HttpRequest& request) -> Answer {
    if (request.path == "/") return ok(request);
    return EventStream([&](std::shared_ptr<EventSink> sink) { sinks.push_back(std::move(sink)); });
  });
  auto first = std::make_unique<RawClient>(path_);
  auto second = std::make_unique<RawClient>(path_);
  first->send("GET /watch HTTP/1.1\r\n\r\n");
  first->receive("\r\n\r\n");
  second->send("GET /watch HTTP/1.1\r\n\r\n");
  second->receive("\r\n\r\n");
  auto third = std::async(std::launch::async, [this] { return Client(path_).call("GET", "/"); });
  EXPECT_EQ(third.wait_for(milliseconds(50)), std::future_status::timeout);
  first.reset();
  EXPECT_EQ(third.get()->body, "served");
}

TEST_F(BoundsTest, OneUserCannotShutTheOthersOut) {
  if (::getuid() != 0) GTEST_SKIP() << "needs root to become another user";
  std::vector<std::shared_ptr<EventSink>> sinks;
  RunningServer server(
      path_, {.max_connections_per_user = 2},
      [&](const HttpRequest& request) -> Answer {
        if (request.path == "/") return ok(request);
        return EventStream(
            [&](std::shared_ptr<EventSink> sink) { sinks.push_back(std::move(sink)); });
      },
      0666);
  std::filesystem::permissions(std::filesystem::path(path_).parent_path(),
                               std::filesystem::perms(0755));
  const pid_t child = ::fork();
  if (child == 0) {
    if (::setuid(65534) != 0) ::_exit(2);
    const RawClient one(path_);
    const RawClient two(path_);
    for (const RawClient* const client : {&one, &two}) {
      client->send("GET /watch HTTP/1.1\r\n\r\n");
      client->receive("\r\n\r\n");
    }
    ::_exit(RawClient(path_).receive().starts_with("HTTP/1.1 503 ") &&
                    Client(path_).call("GET", "/")->status == 503
                ? 0
                : 1);
  }
  int status = -1;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(Client(path_).call("GET", "/")->body, "served");
}

// --- event streams

class StreamTest : public BoundsTest {
 protected:
  Handler handler() {
    return [this](const HttpRequest& request) -> Answer {
      if (request.path != "/watch") return HttpResponse{.status = 404, .body = "{}"};
      last_event_id_ = request.last_event_id;
      return EventStream([this](std::shared_ptr<EventSink> sink) { sink_.set_value(sink); });
    };
  }
  std::string last_event_id_;
  std::promise<std::shared_ptr<EventSink>> sink_;
};

TEST_F(StreamTest, EventsArriveInOrderAndTheClientResumes) {
  RunningServer server(path_, {}, handler());
  std::vector<std::string> seen;
  auto followed = std::async(std::launch::async, [&] {
    return Client(path_).follow("/watch",
                                [&](const Event& event) {
                                  seen.push_back(event.id + event.type + event.data);
                                  return seen.size() < 300;
                                },
                                {.last_event_id = "41"});
  });
  const auto sink = sink_.get_future().get();
  EXPECT_EQ(last_event_id_, "41");
  for (int i = 0; i < 300; ++i) EXPECT_TRUE(sink->push({std::to_string(i), "grant", R"({"n":1})"}));
  EXPECT_TRUE(followed.get());
  ASSERT_EQ(seen.size(), 300u);
  EXPECT_EQ(seen[299], R"(299grant{"n":1})");
  while (sink->push({"", "", "gone?"})) std::this_thread::yield();  // false once the client is gone
}

TEST_F(StreamTest, AnErrorStatusIsAnErrorForAFollower) {
  RunningServer server(path_, {}, handler());
  const auto followed = Client(path_).follow("/absent", [](const Event&) { return true; });
  ASSERT_FALSE(followed);
  EXPECT_EQ(followed.error().code, Code::kNotFound);
}

TEST_F(StreamTest, AFollowerCanLeaveASilentStream) {
  RunningServer server(path_, {}, handler());
  const auto followed = Client(path_).follow("/watch", [](const Event&) { return true; },
                                             {.on_idle = [] { return false; }});
  EXPECT_TRUE(followed);
}

TEST_F(StreamTest, ASlowFollowerIsCutOffAtTheBound) {
  RunningServer server(path_, {.max_event_backlog = 16}, handler());
  const RawClient client(path_);
  client.send("GET /watch HTTP/1.1\r\n\r\n");
  const auto sink = sink_.get_future().get();
  const Event event{"1", "grant", std::string(64 << 10, 'x')};
  int pushed = 0;
  while (sink->push(event)) ASSERT_LT(++pushed, 1000);
  client.receive();  // ends: the connection is closed
}

TEST_F(StreamTest, StoppingEndsStreamsCleanlyWithWhatWasPushed) {
  auto server = std::make_unique<RunningServer>(path_, ServerOptions{}, handler());
  std::vector<std::string> seen;
  auto followed = std::async(std::launch::async, [&] {
    return Client(path_).follow("/watch", [&](const Event& event) {
      seen.push_back(event.data);
      return true;
    });
  });
  const auto sink = sink_.get_future().get();
  sink->push({"", "", "last words"});
  server.reset();
  EXPECT_TRUE(followed.get());
  EXPECT_THAT(seen, testing::ElementsAre("last words"));
  EXPECT_FALSE(sink->push({"", "", "too late"}));
}

TEST_F(StreamTest, SinksMayOutliveTheServerAndBePushedByManyThreads) {
  std::vector<std::thread> threads;
  {
    RunningServer server(path_, {}, handler());
    const RawClient client(path_);
    client.send("GET /watch HTTP/1.1\r\n\r\n");
    const auto sink = sink_.get_future().get();
    for (int i = 0; i < 4; ++i)
      threads.emplace_back([sink] {
        while (sink->push({"", "", "x"})) std::this_thread::yield();
      });
    client.receive("data: x");
  }
  for (auto& thread : threads) thread.join();
}

TEST_F(BoundsTest, StoppingFinishesTheRequestInHandAndForgetsTheIdle) {
  auto server = std::make_unique<RunningServer>(path_, ServerOptions{}, ok);
  const RawClient idle(path_);
  const RawClient half(path_);
  half.send("POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\nh");
  ASSERT_TRUE(Client(path_).call("GET", "/"));  // the two before it were accepted
  std::promise<void> in_loop;
  (**server).post([&in_loop] { in_loop.set_value(); });
  in_loop.get_future().wait();
  std::thread stopper([&server] { server->stop(); });
  EXPECT_EQ(idle.receive(), "");
  half.send("i");
  EXPECT_THAT(half.receive(), HasSubstr("served"));
  stopper.join();
}

TEST_F(BoundsTest, StoppingGivesUpOnTheStuckAfterItsTimeout) {
  RunningServer server(path_, {.drain_timeout = milliseconds(50)}, ok);
  const RawClient half(path_);
  half.send("POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\nh");
  ASSERT_TRUE(Client(path_).call("GET", "/"));
  server.stop();  // returns
}

}  // namespace
}  // namespace melon::net
