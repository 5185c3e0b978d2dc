// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <utility>

#include "store/store.h"

namespace melon::store {

/// A store that fails on command, for tests of what its users do then. Reads pass through.
class FaultyStore final : public Store {
 public:
  explicit FaultyStore(Store& inner) : inner_(inner) {}

  /// The next `count` writes are refused with this error and leave nothing, as on a full disk.
  void fail_writes(int count, Error error) {
    failures_left_ = count;
    error_ = std::move(error);
  }
  int refused() const { return refused_; }

  Result<> apply(const Change& change) override {
    if (fails()) return tl::unexpected<Error>(error_);
    return inner_.apply(change);
  }
  Result<std::vector<core::Grant>> grants() override { return inner_.grants(); }
  Result<std::vector<EventRecord>> events(const EventQuery& query) override {
    return inner_.events(query);
  }
  Result<std::map<std::string, MiB>> device_memory() override { return inner_.device_memory(); }

 private:
  bool fails() {
    if (failures_left_ == 0) return false;
    --failures_left_;
    ++refused_;
    return true;
  }

  Store& inner_;
  Error error_;
  int failures_left_ = 0;
  int refused_ = 0;
};

}  // namespace melon::store
