-- Who works on what right now. A kind of work is `d:<destination>` (its members are slots: lanes, or
-- deliveries without one), `batches` or `deferred`.
--
-- loans:<kind>  HASH: member -> token, until, gateway, what
-- ends:<kind>   ZSET: members by when their loan runs out; no more there once that was noticed
-- kinds         SET: all kinds there ever were
-- token         STRING: the last token

local loan = {}

-- The loan of a member, run out or not: the holder may give it back until somebody else has it.
function loan.of(kind, member)
    local packed = redis.call('HGET', key('loans', kind), member)
    if not packed then return nil end
    local token, ends, gateway, what = unpack(cmsgpack.unpack(packed))
    return {token = token, ends = ends, gateway = gateway, what = what}
end

-- Whether somebody may be at work on it.
function loan.runs(kind, member)
    local ends = tonumber(redis.call('ZSCORE', key('ends', kind), member))
    return ends ~= nil and ends > T
end

-- Gives a member to whoever asks; a former holder has lost it. The new token.
function loan.give(kind, member, what)
    local token = int(next_number(num(redis.call('GET', key('token')))))
    local ends = T + A.lease
    redis.call('SET', key('token'), token)
    redis.call('HSET', key('loans', kind), member, cmsgpack.pack({token, ends, A.me, what}))
    redis.call('ZADD', key('ends', kind), ends, member)
    redis.call('SADD', key('kinds'), kind)
    return token
end

-- Ends a loan; whether there was one.
function loan.finish(kind, member)
    redis.call('ZREM', key('ends', kind), member)
    return redis.call('HDEL', key('loans', kind), member) == 1
end

-- Members whose loan has run out since this was last asked.
function loan.over(kind)
    local ends = key('ends', kind)
    local over = redis.call('ZRANGEBYSCORE', ends, '-inf', T, 'LIMIT', 0, 1000)
    if #over > 0 then redis.call('ZREM', ends, unpack(over)) end
    return over
end

-- When the first running loan ends, or nil.
function loan.first_end(kind)
    return first_score(key('ends', kind))
end

-- Lets the loans of a gateway run out now. Who buries itself has nobody left who works on them: they are
-- no more.
function ops.bury()
    for _, kind in ipairs(redis.call('SMEMBERS', key('kinds'))) do
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

-- Gives a sign of life, at home; the names of the gateways that gave none for so long, and whether the
-- state was lost.
--
-- gateways  HASH: name -> the last sign
function ops.beat()
    redis.call('HSET', key('gateways'), A.me, int(REAL))
    local flat, gone = redis.call('HGETALL', key('gateways')), {}
    for i = 1, #flat, 2 do
        if num(flat[i + 1]) < REAL - A.gone then gone[#gone + 1] = flat[i] end
    end
    return {gone, state.is_lost() and 1 or 0}
end

function ops.goodbye()
    redis.call('HDEL', key('gateways'), A.gateway)
end

-- Whether a write could be made now.
function ops.ping()
    redis.call('SET', key('pulse'), int(REAL))
end
