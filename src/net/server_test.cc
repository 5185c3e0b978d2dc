// SPDX-License-Identifier: Apache-2.0
// Server and client over real sockets: requests, errors, event streams, sockets' owners.
#include "net/server.h"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <atomic>
#include <csignal>
#include <fstream>

#include "net/server_fixture.h"

namespace melon::net {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

Answer echo(const HttpRequest& request) {
  if (request.path == "/throw") throw std::runtime_error("a defect");
  HttpResponse response;
  response.status = request.method == "POST" ? 201 : 200;
  response.headers["X-Method"] = request.method;
  response.body = request.path + "|" + request.body + "|" + request.last_event_id;
  for (const auto& [name, value] : request.query) response.body += "|" + name + "=" + value;
  return response;
}

class ServerTest : public testing::Test {
 protected:
  TestFolder folder_;
  std::string path_ = folder_ / "melon.sock";
};

TEST_F(ServerTest, AnswersWhatTheHandlerSays) {
  RunningServer server(path_, {}, echo);
  const auto answer = Client(path_).call("POST", "/v1/grants/a%20b?all=true", "{}");
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->status, 201);
  EXPECT_EQ(answer->body, "/v1/grants/a b|{}||all=true");
  EXPECT_EQ(answer->headers.at("X-Method"), "POST");
  EXPECT_EQ(Client(path_).call("GET", "/throw")->status, 500);
  EXPECT_EQ(Client(path_).call("HEAD", "/v1")->status, 200);
  const std::string large(1 << 20, 'x');
  EXPECT_EQ(Client(path_).call("POST", "/", large)->body.size(), large.size() + 3);
}

TEST_F(ServerTest, KnowsWhoAsks) {
  Peer seen;
  RunningServer server(path_, {}, [&seen](const HttpRequest& request) {
    seen = request.peer;
    return HttpResponse{};
  });
  ASSERT_TRUE(Client(path_).call("GET", "/"));
  EXPECT_EQ(seen.uid, ::getuid());
  EXPECT_EQ(seen.gid, ::getgid());
  EXPECT_EQ(seen.pid, ::getpid());
}

TEST_F(ServerTest, KeepsConnectionsAndTakesPipelinedRequests) {
  RunningServer server(path_, {}, echo);
  const RawClient client(path_);
  client.send("GET /one HTTP/1.1\r\n\r\n");
  EXPECT_THAT(client.receive("/one||"), HasSubstr("keep-alive"));
  client.send(
      "GET /two HTTP/1.1\r\n\r\nPOST /three HTTP/1.1\r\nContent-Length: 2\r\n\r\nhiGET /four "
      "HTTP/1.1\r\nConnection: close\r\n\r\n");
  const auto rest = client.receive();
  EXPECT_THAT(rest, HasSubstr("/two||"));
  EXPECT_THAT(rest, HasSubstr("/three|hi|"));
  EXPECT_THAT(rest, HasSubstr("/four||"));
}

TEST_F(ServerTest, ServesTcpWithoutKnowingThePeer) {
  Server server({});
  const auto port = server.listen_tcp("127.0.0.1:0", [](const HttpRequest& request) {
    HttpResponse response;
    response.body = request.peer.uid ? "known" : "unknown";
    return response;
  });
  ASSERT_TRUE(port);
  std::thread thread([&server] { server.run(); });
  const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
  const auto refused = server.listen_tcp("127.0.0.1:" + std::to_string(*port), echo);
  EXPECT_EQ(refused.error().code, Code::kUnavailable);
  const std::string command = "exec 3<>/dev/tcp/127.0.0.1/" + std::to_string(*port) +
                              "; printf 'GET / HTTP/1.0\\r\\n\\r\\n' >&3; cat <&3";
  FILE* const pipe = ::popen(("bash -c \"" + command + "\"").c_str(), "r");
  std::string answer(4096, '\0');
  answer.resize(::fread(answer.data(), 1, answer.size(), pipe));
  ::pclose(pipe);
  ::close(socket);
  server.stop();
  thread.join();
  EXPECT_THAT(answer, HasSubstr("200 OK"));
  EXPECT_THAT(answer, HasSubstr("unknown"));
}

TEST(TcpAddress, BadOnesAreRefused) {
  Server server({});
  for (const char* const text : {"", "9400", "localhost:9400", "127.0.0.1:", "127.0.0.1:x",
                                 "127.0.0.1:65536", "[::1]", "::1:80", "[::1]:80x", "1.2.3:4"}) {
    const auto port = server.listen_tcp(text, echo);
    ASSERT_FALSE(port) << text;
    EXPECT_EQ(port.error().code, Code::kInvalidArgument) << text;
  }
}

TEST_F(ServerTest, SetsTheSocketsPermissionsWhateverTheUmask) {
  for (const unsigned mode : {0600U, 0666U}) {
    const mode_t before = ::umask(mode == 0600U ? 0 : 0777);
    {
      RunningServer server(path_, {}, echo, mode);
      struct stat status {};
      ASSERT_EQ(::lstat(path_.c_str(), &status), 0);
      EXPECT_EQ(status.st_mode & 0777, mode);
    }
    ::umask(before);
    EXPECT_FALSE(std::filesystem::exists(path_));  // its own socket goes with it
  }
}

TEST_F(ServerTest, RefusesASocketThatAnswersAndSaysWhoDoes) {
  RunningServer first(path_, {}, echo);
  const auto second = Server({}).listen_unix(path_, 0600, echo);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Code::kAlreadyExists);
  EXPECT_THAT(second.error().message, HasSubstr(std::to_string(::getpid())));
  std::filesystem::remove(path_ + ".lock");  // a foreign program need not lock
  const auto third = Server({}).listen_unix(path_, 0600, echo);
  ASSERT_FALSE(third);
  EXPECT_EQ(third.error().code, Code::kAlreadyExists);
  EXPECT_THAT(third.error().message, HasSubstr("process " + std::to_string(::getpid())));
  EXPECT_TRUE(Client(path_).call("GET", "/"));  // the first still serves
}

TEST_F(ServerTest, ReplacesTheSocketOfAKilledServer) {
  const pid_t child = ::fork();
  if (child == 0) {
    Server server({});
    if (!server.listen_unix(path_, 0600, echo)) ::_exit(1);
    ::raise(SIGKILL);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  ASSERT_TRUE(WIFSIGNALED(status));
  ASSERT_TRUE(std::filesystem::exists(path_));
  RunningServer server(path_, {}, echo);
  EXPECT_TRUE(Client(path_).call("GET", "/"));
}

TEST_F(ServerTest, RefusesNamesThatCannotBeSockets) {
  std::ofstream(path_) << "precious";
  EXPECT_EQ(Server({}).listen_unix(path_, 0600, echo).error().code, Code::kFailedPrecondition);
  std::string content;
  std::ifstream(path_) >> content;
  EXPECT_EQ(content, "precious");
  EXPECT_EQ(Server({}).listen_unix(folder_ / std::string(120, 'x'), 0600, echo).error().code,
            Code::kInvalidArgument);
  EXPECT_EQ(Server({}).listen_unix(folder_ / "absent/melon.sock", 0600, echo).error().code,
            Code::kUnavailable);
}

// As when the daemon is killed just after it took a connection.
TEST_F(ServerTest, AServerThatHangsUpWithoutAWordIsAnError) {
  const os::Descriptor listening(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path_.copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(::bind(listening.number(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(::listen(listening.number(), 1), 0);
  std::jthread silent([&] { os::Descriptor(::accept(listening.number(), nullptr, nullptr)); });
  const auto answer = Client(path_).call("GET", "/");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Code::kUnavailable);
}

TEST_F(ServerTest, AClientWithoutAServerIsTold) {
  const auto nobody = Client(path_).call("GET", "/");
  ASSERT_FALSE(nobody);
  EXPECT_EQ(nobody.error().code, Code::kUnavailable);
  EXPECT_THAT(nobody.error().message, HasSubstr(path_));
  EXPECT_THAT(nobody.error().remedy, HasSubstr("melon up"));
  EXPECT_EQ(Client(path_).follow("/", [](const Event&) { return true; }).error().code,
            Code::kUnavailable);
}

TEST_F(ServerTest, AnAnswerThatDoesNotComeIsAnError) {
  std::promise<void> asked;
  std::promise<void> go_on;
  RunningServer server(path_, {}, [&](const HttpRequest&) {
    asked.set_value();
    go_on.get_future().wait();
    return HttpResponse{};
  });
  const auto late = Client(path_).call("GET", "/", "", std::chrono::seconds(1));
  asked.get_future().wait();
  go_on.set_value();
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, Code::kUnavailable);
  EXPECT_NE(late.error().remedy.find("melon doctor"), std::string::npos);
}

TEST_F(ServerTest, RunsTimersTasksAndSignalsOnItsThread) {
  Server server({});
  ASSERT_TRUE(server.listen_unix(path_, 0600, echo));
  std::thread::id home;
  int ticks = 0;
  int caught = 0;
  server.post([&] { home = std::this_thread::get_id(); });
  server.on_signals({SIGUSR1}, [&](int signal) {
    EXPECT_EQ(std::this_thread::get_id(), home);
    caught = signal;
    server.stop();
  });
  server.every(std::chrono::milliseconds(1), [&] {
    EXPECT_EQ(std::this_thread::get_id(), home);
    if (++ticks == 3) ::kill(::getpid(), SIGUSR1);
  });
  std::thread([&server] { server.run(); }).join();
  EXPECT_GE(ticks, 3);
  EXPECT_EQ(caught, SIGUSR1);
}

/// Runs the server on a thread of its own; false: it has not ended a long while after its stop.
bool ends(Server& server) {
  std::promise<void> ended;
  auto end = ended.get_future();
  std::thread running([&] {
    server.run();
    ended.set_value();
  });
  const bool in_time = end.wait_for(std::chrono::seconds(60)) == std::future_status::ready;
  if (in_time)
    running.join();
  else
    running.detach();  // the test has failed; the process is about to end
  return in_time;
}

TEST_F(ServerTest, EndsWhileItsTicksTakeLongerThanTheirInterval) {
  auto* const server = new Server({});  // not destroyed under a loop that does not end
  ASSERT_TRUE(server->listen_unix(path_, 0600, echo));
  int ticks = 0;
  for (int ticker = 0; ticker < 2; ++ticker)
    server->every(std::chrono::milliseconds(1), [&ticks, server] {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
      if (++ticks == 3) server->stop();
    });
  ASSERT_TRUE(ends(*server));
  const int ticks_at_end = ticks;
  delete server;
  EXPECT_EQ(ticks, ticks_at_end);
}

TEST_F(ServerTest, EndsWithoutConnectionsThoughSomethingElseStillWaits) {
  auto* const server = new Server({});
  ASSERT_TRUE(server->listen_unix(path_, 0600, echo));
  server->every(std::chrono::milliseconds(1), [server] { server->stop(); });
  std::function<void()> again = [&again, server] { server->post(again); };  // never out of work
  server->post(again);
  ASSERT_TRUE(ends(*server));
  delete server;
}

}  // namespace
}  // namespace melon::net
