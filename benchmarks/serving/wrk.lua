-- POSTs the lines of a file in turn; prints what was measured as one line of JSON.
-- With a pause in ms, each connection waits before each request: so long on average, evenly drawn.
local bodies, turn = {}, 0

function init(args)
  for line in io.lines(args[1]) do bodies[#bodies + 1] = line end
  wrk.method = "POST"
  wrk.headers["Content-Type"] = "application/json"
  local pause = tonumber(args[2])
  if pause > 0 then delay = function() return math.random(0, 2 * pause) end end
  for i, body in ipairs(bodies) do bodies[i] = wrk.format(nil, nil, nil, body) end
end

function request()
  turn = turn % #bodies + 1
  return bodies[turn]
end

function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    '{"requests": %d, "seconds": %f, "p50_ms": %f, "p99_ms": %f, "bad": %d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
