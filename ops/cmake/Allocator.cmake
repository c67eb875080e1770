# callboard_use_allocator(target): has an executable allocate with jemalloc, set up by ops/callboard/allocator.cpp.
# Sanitizers bring an allocator of their own, so their builds go without.
if(NOT CALLBOARD_SANITIZE AND NOT CALLBOARD_FUZZ)
  find_library(CALLBOARD_JEMALLOC jemalloc REQUIRED)
endif()

function(callboard_use_allocator target)
  if(CALLBOARD_JEMALLOC)
    target_sources(${target} PRIVATE ${PROJECT_SOURCE_DIR}/ops/callboard/allocator.cpp)
    target_compile_definitions(${target} PRIVATE CALLBOARD_JEMALLOC)
    target_link_libraries(${target} PRIVATE ${CALLBOARD_JEMALLOC})
  endif()
endfunction()
