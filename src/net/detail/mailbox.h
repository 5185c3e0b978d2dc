// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <mutex>
#include <optional>
#include <string>

#include "net/server.h"

namespace melon::net::detail {

/// Events on their way from any thread to one connection of the server's thread.
///
///  M1  at most `bound` events wait; the push that would pass it shuts the mailbox.
///  M2  `wake` runs (under the lock, in the pusher's thread) once per take(), not once per push.
///  M3  after shut() returns, `wake` is never called again.
class Mailbox : public EventSink {
 public:
  Mailbox(std::size_t bound, std::function<void()> wake) : bound_(bound), wake_(std::move(wake)) {}

  bool push(const Event& event) override;
  void shut();

  /// The text of all waiting events; nothing when the mailbox was shut by its bound, which means
  /// that the connection is to be closed.
  std::optional<std::string> take();

 private:
  const std::size_t bound_;
  std::mutex mutex_;
  std::function<void()> wake_;  // empty: shut
  std::string waiting_;
  std::size_t events_ = 0;
  bool overflowed_ = false;
};

}  // namespace melon::net::detail
