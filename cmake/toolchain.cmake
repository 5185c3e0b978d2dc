# Compiler-wide choices: warnings as errors, sanitizers, ccache, mold.
add_library(melon_warnings INTERFACE)
target_compile_options(melon_warnings INTERFACE
  $<$<COMPILE_LANGUAGE:C,CXX>:-Wall -Wextra -Wshadow -Wconversion -Werror>)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # At -O3 GCC 12 warns of overlap, overflow and bounds inside its own "literal" + std::string (GCC bug
  # 105651); of the last two where headers are precompiled, which it then takes for ours.
  target_compile_options(melon_warnings INTERFACE
    "$<$<COMPILE_LANGUAGE:CXX>:-Wno-restrict;-Wno-stringop-overflow;-Wno-array-bounds>")
endif()

set(MELON_SANITIZE "" CACHE STRING "Sanitizers for every target, as -fsanitize takes them")
if(MELON_SANITIZE)
  add_compile_options(-fsanitize=${MELON_SANITIZE} -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${MELON_SANITIZE})
endif()
if(MELON_SANITIZE STREQUAL "thread")
  set(MELON_ONLY_THREADED_TESTS ON)  # to the others it has nothing to say
endif()

# Debian's own, whose modules come from tools/packages.txt, before any other on PATH.
find_program(MELON_PYTHON python3 HINTS /usr/bin REQUIRED)

find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_C_COMPILER_LAUNCHER ${CCACHE})
  # What ccache asks for where headers are precompiled; no code here has a __TIME__ in it.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros ${CCACHE})
endif()
find_program(MOLD mold)
if(MOLD)
  add_link_options(-fuse-ld=mold)
endif()
