# Headers that most sources of the upper layers read, compiled once, for GCC: its front end needs a
# fifth of a build's time for them. Clang (analysis, fuzzers) reads every source's own includes, so
# that a missing one is found.
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  find_package(fmt REQUIRED)
  find_package(nlohmann_json REQUIRED)
  file(GENERATE OUTPUT ${CMAKE_CURRENT_BINARY_DIR}/melon_precompiled.cc CONTENT "")
  add_library(melon_precompiled OBJECT ${CMAKE_CURRENT_BINARY_DIR}/melon_precompiled.cc)
  target_link_libraries(melon_precompiled PRIVATE fmt::fmt nlohmann_json::nlohmann_json melon_warnings)
  target_compile_options(melon_precompiled PRIVATE -fpch-preprocess)  # so that ccache sees what is in it
  target_precompile_headers(melon_precompiled PRIVATE <algorithm> <array> <charconv> <chrono> <filesystem>
    <functional> <map> <memory> <optional> <set> <span> <sstream> <string> <string_view> <utility> <vector>
    <fmt/format.h> <nlohmann/json.hpp>)
endif()
