// SPDX-License-Identifier: Apache-2.0
// Prints the reference page of vendors, or with "schema" the JSON schema of their descriptors.
#include <cstdio>
#include <string_view>

#include "config/descriptors.h"
#include "config/vendor_page.h"

int main(int count, char** words) {
  const bool schema = count > 1 && std::string_view(words[1]) == "schema";
  const auto descriptors = melon::config::load_descriptors("");
  if (!descriptors) {
    std::fputs((descriptors.error().message + "\n").c_str(), stderr);
    return 1;
  }
  const std::string text =
      schema ? melon::config::descriptor_schema() : melon::config::vendor_page(*descriptors);
  return std::fputs(text.c_str(), stdout) < 0 ? 1 : 0;
}
