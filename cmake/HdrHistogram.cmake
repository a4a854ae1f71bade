# HdrHistogram_c, for the load generator alone: defines hdr_histogram::hdr_histogram, from -DHDR_HISTOGRAM_SOURCE_DIR=DIR
# or from the npm package that BoringSSL.cmake names, which carries it as well.  Where neither can be had there is no
# such target.

set(HDR_HISTOGRAM_SOURCE_DIR "" CACHE PATH "HdrHistogram_c's source")
set(HDR_HISTOGRAM_NPM_FOLDER package/deps/couchbase-cxx-cache/hdr_histogram/8aac/hdr_histogram)

# Under a lock, since several build folders may be configured at once.
function(hdr_histogram_fetch result)
  set(folder ${BORINGSSL_CACHE}/hdr_histogram)
  file(MAKE_DIRECTORY ${BORINGSSL_CACHE})
  file(LOCK ${BORINGSSL_CACHE} DIRECTORY GUARD FUNCTION TIMEOUT 3600)
  if(NOT EXISTS ${folder} AND COMMAND boringssl_fetch_npm)
    set(BORINGSSL_NPM_FOLDER ${HDR_HISTOGRAM_NPM_FOLDER}) # what is unpacked of it
    file(REMOVE_RECURSE ${folder}.work)
    boringssl_fetch_npm(${folder}.work found)
    if(found)
      file(RENAME ${folder}.work/${HDR_HISTOGRAM_NPM_FOLDER} ${folder})
    endif()
    file(REMOVE_RECURSE ${folder}.work)
  endif()
  set(${result} ${folder} PARENT_SCOPE)
endfunction()

set(HDR_HISTOGRAM_FOUND ${HDR_HISTOGRAM_SOURCE_DIR})
if(NOT HDR_HISTOGRAM_FOUND)
  hdr_histogram_fetch(HDR_HISTOGRAM_FOUND)
endif()
if(EXISTS ${HDR_HISTOGRAM_FOUND}/src/hdr_histogram.c)
  # its log format, which needs zlib, stays out
  add_library(sp_hdr_histogram STATIC ${HDR_HISTOGRAM_FOUND}/src/hdr_histogram.c)
  target_include_directories(sp_hdr_histogram SYSTEM PUBLIC ${HDR_HISTOGRAM_FOUND}/include)
  target_compile_options(sp_hdr_histogram PRIVATE -w)
  target_link_libraries(sp_hdr_histogram PUBLIC m)
  add_library(hdr_histogram::hdr_histogram ALIAS sp_hdr_histogram)
endif()
