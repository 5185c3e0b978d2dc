// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "agent/api.h"

namespace melon::agent {

/// One call on its way through the API.
struct Api::Call {
  const net::HttpRequest& request;
  Caller caller;
  std::string word;  // what stands for {x} in the path
};

struct Api::Route {
  std::string_view method;
  std::string_view pattern;
  std::function<net::Answer(Api&, const Call&)> run;
};

}  // namespace melon::agent
