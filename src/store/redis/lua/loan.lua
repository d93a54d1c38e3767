-- Who works on what right now. A kind of work is `d:<destination>` (its members are slots: lanes, or
-- deliveries without one), `batches` or `deferred`.
--
-- loans:<kind>  HASH: member -> token, until, gateway, what
-- ends:<kind>   ZSET: members by when their loan runs out; no more there once that was noticed
-- token         STRING: the last token

-- The loan of a member, run out or not: the holder may give it back until somebody else has it.
local function loan_of(kind, member)
    local packed = redis.call('HGET', key('loans', kind), member)
    if not packed then return nil end
    local token, ends, gateway, what = unpack(cmsgpack.unpack(packed))
    return {token = token, ends = ends, gateway = gateway, what = what}
end

-- Whether somebody may be at work on it.
local function loan_runs(kind, member)
    local ends = tonumber(redis.call('ZSCORE', key('ends', kind), member))
    return ends ~= nil and ends > T
end

-- Gives members to whoever asks; former holders have lost them. `wanted`: a list of { member, what }.
-- The new tokens.
local function lend(kind, wanted)
    if #wanted == 0 then return {} end
    local first, ends = take(key('token'), #wanted), T + A.lease
    local tokens, loans, scores, score = {}, {}, {}, int(ends)
    for i, one in ipairs(wanted) do
        local token = int(first + i - 1)
        tokens[i], scores[2 * i - 1], scores[2 * i] = token, score, one[1]
        loans[2 * i - 1], loans[2 * i] = one[1], cmsgpack.pack({token, ends, A.me, one[2]})
    end
    call_with('HSET', key('loans', kind), loans)
    call_with('ZADD', key('ends', kind), scores)
    return tokens
end

local function lend_one(kind, member)
    return lend(kind, {{member}})[1]
end

-- Ends a loan; whether it had not been noticed to have run out.
local function end_loan(kind, member)
    local was_running = redis.call('ZREM', key('ends', kind), member) == 1
    redis.call('HDEL', key('loans', kind), member)
    return was_running
end

-- Members whose loan has run out since this was last asked; and when the first of the others ends, or nil.
local function loans_over(kind)
    local ends = key('ends', kind)
    local first = first_score(ends)
    if not first or first > T then return {}, first end
    local over = redis.call('ZRANGEBYSCORE', ends, '-inf', int(T), 'LIMIT', '0', '1000')
    redis.call('ZREM', ends, unpack(over))
    return over, first_score(ends)
end

-- All kinds that may have loans.
local function kinds()
    local all = {'batches', 'deferred'}
    for _, destination in ipairs(redis.call('SMEMBERS', key('destinations'))) do all[#all + 1] = 'd:' .. destination end
    return all
end

-- Lets the loans of a gateway run out now. Who buries itself has nobody left who works on them: they are
-- no more.
function ops.bury()
    for _, kind in ipairs(kinds()) do
        local flat = redis.call('HGETALL', key('loans', kind))
        for i = 1, #flat, 2 do
            local token, ends, gateway, what = unpack(cmsgpack.unpack(flat[i + 1]))
            if gateway == A.gateway and (gateway == A.me or ends > T) then
                if gateway == A.me then
                    redis.call('HDEL', key('loans', kind), flat[i])
                else
                    redis.call('HSET', key('loans', kind), flat[i], cmsgpack.pack({token, T, gateway, what}))
                end
                redis.call('ZADD', key('ends', kind), T, flat[i])
                call_all(string.sub(kind, 1, 2) == 'd:' and kind or 'e:' .. kind)
            end
        end
    end
end

-- Gives a sign of life, at home; the names of the gateways that gave none for so long, whether the state was
-- lost, and how many calls to reload there were.
--
-- gateways  HASH: name -> the last sign
-- reloads   STRING: how many calls to reload there were
function ops.beat()
    redis.call('HSET', key('gateways'), A.me, int(REAL))
    local flat, gone = redis.call('HGETALL', key('gateways')), {}
    for i = 1, #flat, 2 do
        if num(flat[i + 1]) < REAL - A.gone then gone[#gone + 1] = flat[i] end
    end
    return {gone, state.is_lost() and 1 or 0, int(num(redis.call('GET', key('reloads'))))}
end

-- Calls all gateways to load their rules again; the number of the call.
function ops.reload()
    local n = int(redis.call('INCR', key('reloads')))
    call_all('r:' .. n)
    return n
end

-- The other gateways that gave a sign of life of late.
function ops.others()
    local flat, others = redis.call('HGETALL', key('gateways')), {}
    for i = 1, #flat, 2 do
        if flat[i] ~= A.me and num(flat[i + 1]) >= REAL - A.gone then others[#others + 1] = flat[i] end
    end
    return others
end

function ops.goodbye()
    redis.call('HDEL', key('gateways'), A.gateway)
end

-- Whether a write could be made now.
function ops.ping()
    redis.call('SET', key('pulse'), int(REAL))
end
