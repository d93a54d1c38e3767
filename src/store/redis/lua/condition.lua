-- How destinations are, and what is worth telling. Decided at home; every partition has a copy, so that
-- claims and settlements look nowhere else.
--
-- conditions   HASH: destination -> paused, why, failing, failed (the last failure, to the hour), troubled
-- notices      ZSET (at home): by number
-- noticed      STRING (at home): the last number

local notice = {}

local HOUR = 3600 * 1000000
-- Longer than the waits between attempts: a failure after that has nothing to do with the last.
local APART = 72 * HOUR

function handlers.notice(m)
    if HERE ~= HOME then return end
    local n = int(take(key('noticed'), 1))
    redis.call('ZADD', key('notices'), n, n .. ' ' .. int(m.at) .. ' ' .. m.told)
    call_all('e:notices')
end

-- Tells what happened: `told` is that of the contract, without instants.
function notice.tell(at, told)
    send(HOME, 'notice', {at = at, told = cjson.encode(told)})
end

-- Whether a receipt is one of the gateway's own: nothing is ever told about these.
local function is_own(id)
    return redis.call('HGET', key('r', id), 'source') == A.own
end

-- A receipt could not be processed.
function notice.failed(id, reason, at)
    if is_own(id) then return end
    notice.tell(at, {told = 'receipt_failed', receipt = id, reason = reason})
end

local function condition_of(destination)
    local packed = redis.call('HGET', key('conditions'), destination)
    if not packed then return {} end
    return cmsgpack.unpack(packed)
end

local function keep(destination, state)
    if next(state) then
        redis.call('HSET', key('conditions'), destination, cmsgpack.pack(state))
    else
        redis.call('HDEL', key('conditions'), destination)
    end
end

-- A copy of home's.
function handlers.condition(m)
    keep(m.destination, m.state)
    call_all('d:' .. m.destination)
end

-- Writes what is known, here (at home) and everywhere.
local function decide(destination, state)
    keep(destination, state)
    for part = 0, A.parts - 1 do
        if part ~= HERE then send(part, 'condition', {destination = destination, state = state}) end
    end
end

-- What a failure at an instant makes of a condition; nil: nothing new.
local function with_failure(state, at)
    local last = state.failed
    if last and at - last > APART then last = nil end
    if last and at - last < HOUR then return nil end
    if not last then state.failing = at end
    state.failed = at
    return state
end

-- What a success makes of it; nil: nothing new.
local function with_success(state)
    local ends_trouble = state.troubled and not state.paused
    if not state.failing and not state.failed and not ends_trouble then return nil end
    state.failing, state.failed = nil, nil
    if not state.paused then state.troubled = nil end
    return state
end

function handlers.failed(m)
    local state = with_failure(condition_of(m.destination), m.at)
    if state then decide(m.destination, state) end
end

function handlers.succeeded(m)
    local before = condition_of(m.destination)
    local troubled = before.troubled
    local state = with_success(before)
    if not state then return end
    decide(m.destination, state)
    if troubled and not state.paused then
        notice.tell(m.at, {
            told = 'destination_recovered', destination = m.destination, since = int(troubled),
        })
    end
end

-- An attempt failed or succeeded. Home is asked only if that changes something here.
local function note_failure(destination, at)
    if with_failure(condition_of(destination), at) then
        send(HOME, 'failed', {destination = destination, at = at})
    end
end

local function note_success(destination, at)
    local packed = redis.call('HGET', key('conditions'), destination)
    if packed then rare.recover(destination, cmsgpack.unpack(packed), at) end
end

function rare.recover(destination, state, at)
    if with_success(state) then send(HOME, 'succeeded', {destination = destination, at = at}) end
end

-- The next three are asked of home. They answer 1 for a change.
function ops.pause()
    local state = condition_of(A.destination)
    if state.paused then return 0 end
    state.paused, state.why = A.now, A.reason
    state.troubled = state.troubled or A.now
    decide(A.destination, state)
    notice.tell(A.now, {told = 'destination_paused', destination = A.destination, reason = A.reason})
    call_all('d:' .. A.destination)
    return 1
end

function ops.resume()
    local state = condition_of(A.destination)
    if not state.paused then return 0 end
    state.paused, state.why, state.failing, state.failed = nil, nil, nil, nil
    decide(A.destination, state)
    call_all('d:' .. A.destination)
    return 1
end

function ops.trouble()
    local state = condition_of(A.destination)
    if state.troubled then return 0 end
    state.troubled = A.now
    decide(A.destination, state)
    notice.tell(A.now, {told = 'destination_failing', destination = A.destination, reason = A.reason})
    return 1
end

-- Destination, and paused, why, failing and troubled as texts, empty where there is none.
function ops.conditions()
    local flat, lines = redis.call('HGETALL', key('conditions')), {}
    for i = 1, #flat, 2 do
        local state = cmsgpack.unpack(flat[i + 1])
        local function at(field) return state[field] and int(state[field]) or '' end
        lines[#lines + 1] = {flat[i], at('paused'), state.why or '', at('failing'), at('troubled')}
    end
    return lines
end

-- The oldest notices, each as `<number> <instant> <JSON>`.
function ops.notices()
    return redis.call('ZRANGE', key('notices'), 0, A.limit - 1)
end

function ops.told()
    redis.call('ZREMRANGEBYSCORE', key('notices'), '-inf', A.upto)
end
