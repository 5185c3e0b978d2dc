# melon_module(<name> SOURCES <files> [DEPS <modules>] [LINK <packages>] [TESTS <files>]
#              [BENCHES <files>] [FUZZERS <files>])
# defines melon::<name>, one gtest executable <name>_test of its tests, one benchmark executable
# <name>_bench, and one libFuzzer executable for each fuzzer. Sources are listed, never globbed.
# DEPS is the truth about layers: tools/layers.py compares every #include with it.
function(melon_module name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;DEPS;LINK;TESTS;TEST_LINK;BENCHES;FUZZERS")
  list(TRANSFORM arg_DEPS PREPEND melon::)
  if(arg_SOURCES)
    add_library(melon_${name} STATIC ${arg_SOURCES})
    set(scope PUBLIC)
    target_link_libraries(melon_${name} PRIVATE melon_warnings)
  else()
    add_library(melon_${name} INTERFACE)
    set(scope INTERFACE)
  endif()
  add_library(melon::${name} ALIAS melon_${name})
  target_include_directories(melon_${name} ${scope} ${PROJECT_SOURCE_DIR}/src)
  target_link_libraries(melon_${name} ${scope} ${arg_DEPS} ${arg_LINK})

  if(BUILD_TESTING AND arg_TESTS)
    add_executable(${name}_test ${arg_TESTS})
    target_link_libraries(${name}_test PRIVATE melon::${name} ${arg_TEST_LINK}
      GTest::gmock GTest::gtest_main rapidcheck rapidcheck_gtest melon_warnings)
    add_dependencies(unit_tests ${name}_test)
    gtest_discover_tests(${name}_test TEST_PREFIX ${name}/ NO_PRETTY_VALUES DISCOVERY_TIMEOUT 60
      PROPERTIES LABELS unit TIMEOUT 300)
  endif()
  if(MELON_BENCHMARKS AND arg_BENCHES)
    find_package(benchmark REQUIRED)
    add_executable(${name}_bench ${arg_BENCHES})
    target_link_libraries(${name}_bench PRIVATE melon::${name} benchmark::benchmark_main
      melon_warnings)
  endif()
  if(MELON_FUZZ)
    foreach(file IN LISTS arg_FUZZERS)
      get_filename_component(fuzzer ${file} NAME_WE)
      add_executable(${fuzzer} ${file})
      target_link_libraries(${fuzzer} PRIVATE melon::${name} melon_warnings)
      target_link_options(${fuzzer} PRIVATE -fsanitize=fuzzer)
      add_dependencies(fuzzers ${fuzzer})
    endforeach()
  endif()
endfunction()
