// SPDX-License-Identifier: Apache-2.0
// The bounded queue between whoever has events and the connection that sends them.
#include "net/detail/mailbox.h"

#include <utility>

#include "net/event_text.h"

namespace melon::net::detail {

bool Mailbox::push(const Event& event) {
  const std::lock_guard lock(mutex_);
  if (!wake_) return false;
  const bool first = events_ == 0;
  if (events_ == bound_) {
    overflowed_ = true;
    std::exchange(wake_, nullptr)();
    return false;
  }
  waiting_ += to_text(event);
  ++events_;
  if (first) wake_();
  return true;
}

void Mailbox::shut() {
  const std::lock_guard lock(mutex_);
  wake_ = nullptr;
}

std::optional<std::string> Mailbox::take() {
  const std::lock_guard lock(mutex_);
  if (overflowed_) return std::nullopt;
  events_ = 0;
  return std::exchange(waiting_, {});
}

}  // namespace melon::net::detail
